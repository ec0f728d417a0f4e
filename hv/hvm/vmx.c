/*
 * Intel VMX behind struct hvm_ops: detect it, turn it on, build VMCSs, hand the CPU from one vCPU
 * to the next. Section numbers are those of the Intel SDM, volume 3, as in vmx.def.
 */
#include "hvm/vmx.h"

#include "core/cpu.h"
#include "core/panic.h"
#include "hvm/hvm.h"
#include "lib/cpuid.h"
#include "lib/lab.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/ept.h"
#include "mm/pmm.h"
#include "x86/desc.h"
#include "x86/regs.h"

static_assert(HOST_RSP == VMCS_HOST_RSP && HOST_RIP == VMCS_HOST_RIP, "vmx_enter.S uses them");

/* ---- The processor -------------------------------------------------------------------------- */

/*
 * What we need of VMX, by capability MSR: bits that must be set there, and what to say if one is
 * not. Bits 63:32 of the MSR of a set of controls are those that may be 1 (A.3 to A.5); the one of
 * EPT and VPID is a list of features (A.10). The order matters, as the second MSR exists if the
 * first offers secondary controls, the third if the second offers EPT.
 */
__maybe_unused static const struct {
	u32 msr;
	u64 bits;
	const char *missing;
} vmx_needs[] = {
	{ MSR_IA32_VMX_PROCBASED_CTLS, PROC_SECONDARY_CONTROLS << 32,
	  "this CPU's VMX has no secondary controls, so no EPT; we need EPT" },
	{ MSR_IA32_VMX_PROCBASED_CTLS2, PROC2_ENABLE_EPT << 32,
	  "this CPU's VMX has no EPT (extended page tables); we need it" },
	{ MSR_IA32_VMX_EPT_VPID_CAP, EPT_CAP_WALK_4 | EPT_CAP_WRITE_BACK | EPT_CAP_INVEPT,
	  "this CPU's EPT lacks 4-level tables, write-back memory or INVEPT" },
	{ MSR_IA32_VMX_PROCBASED_CTLS2, PROC2_UNRESTRICTED_GUEST << 32,
	  "this CPU's VMX has no unrestricted guest; guests without paging need it" },
	{ MSR_IA32_VMX_EXIT_CTLS, (EXIT_LOAD_IA32_EFER | EXIT_LOAD_IA32_PAT) << 32,
	  "this CPU's VM exits cannot load IA32_EFER and IA32_PAT" },
	{ MSR_IA32_VMX_ENTRY_CTLS, (ENTRY_LOAD_IA32_EFER | ENTRY_LOAD_IA32_PAT) << 32,
	  "this CPU's VM entries cannot load IA32_EFER and IA32_PAT" },
};

/**
 * Exercise 1.1 on the Intel track: find out whether this CPU has VMX, with what we need of it, and
 * lets us use it.
 *
 * CPUID.1:ECX.VMX says that the CPU has it (23.6); without, none of VMX's MSRs exists, and to read
 * an MSR that does not exist is #GP. IA32_FEATURE_CONTROL (23.7), which hvm_firmware_read() reads,
 * says whether VMXON is allowed: with the lock bit set and the VMXON bit clear, firmware forbade
 * it; with the lock bit clear, vmx_cpu_on() may still allow it. Then every entry of vmx_needs, in
 * its order; the first that this CPU does not meet says why.
 *
 * @param caps  filled in when the answer is yes: 65535 ASIDs if the secondary control "enable VPID"
 *              may be 1, else 0; nested paging; next RIP (VMX always tells the length of an
 *              instruction); 1-GiB pages if EPT_CAP_PAGE_1G says so
 * @param why   set to a sentence for people when the answer is no
 * @return -ENODEV: something is missing; -EPERM: turned off by firmware
 */
static int vmx_probe(struct hvm_caps *caps, const char **why)
{
	u64 feature, cap;

	if (!(cpuid(1, 0).ecx & CPUID_1_ECX_VMX)) {
		*why = "this CPU has no Intel VMX (CPUID.1:ECX bit 5 is 0)";
		return -ENODEV;
	}
	feature = hvm_firmware_read();
	if ((feature & FEATURE_CONTROL_LOCK) && !(feature & FEATURE_CONTROL_VMXON)) {
		*why = "Intel VMX is turned off in the firmware's set-up (IA32_FEATURE_CONTROL is "
		       "locked); turn on \"VT-x\" or \"Virtualization\" there";
		return -EPERM;
	}
	for (u32 i = 0; i < ARRAY_SIZE(vmx_needs); i++) {
		if ((rdmsr(vmx_needs[i].msr) & vmx_needs[i].bits) != vmx_needs[i].bits) {
			*why = vmx_needs[i].missing;
			return -ENODEV;
		}
	}
	cap = rdmsr(MSR_IA32_VMX_PROCBASED_CTLS2);
	*caps = (struct hvm_caps){
		.asids = cap & PROC2_ENABLE_VPID << 32 ? 65535 : 0,
		.nested_paging = true,
		.next_rip = true,
		.page_1g = rdmsr(MSR_IA32_VMX_EPT_VPID_CAP) & EPT_CAP_PAGE_1G,
	};
	return 0;
}

/**
 * Exercise 1.2 on the Intel track: turn VMX on for this CPU (23.7, 23.8).
 *
 * hvm_firmware_read() and hvm_firmware_write() reach IA32_FEATURE_CONTROL. While its lock bit is
 * clear, set both, lock and VMXON; a locked one must not be written, and forbids VMXON if that bit
 * is clear. Give CR0 and CR4 the bits that VMX operation fixes, before VMXON, which checks them:
 * IA32_VMX_CRn_FIXED0 has those that must be 1, FIXED1 those that may be (A.7, A.8); CR4.VMXE is
 * the one that VMXON itself asks for.
 *
 * Then VMXON, with the physical address of a zeroed page that begins with the revision identifier
 * from IA32_VMX_BASIC, bits 30:0 (24.11.5). The page is the CPU's from now on;
 * remember it in cpu->hvm_area. If VMXON fails, free it again.
 *
 * @return -EPERM: firmware forbade it, or VMXON failed; -ENOMEM
 */
static int vmx_cpu_on(struct cpu *cpu)
{
	u64 feature = hvm_firmware_read();

	if (!(feature & FEATURE_CONTROL_LOCK))
		hvm_firmware_write(feature | FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMXON);
	else if (!(feature & FEATURE_CONTROL_VMXON))
		return -EPERM;

	cpu->hvm_area = page_alloc();
	if (!cpu->hvm_area)
		return -ENOMEM;
	*(u32 *)cpu->hvm_area = rdmsr(MSR_IA32_VMX_BASIC) & VMX_BASIC_REVISION;

	write_cr0((read_cr0() | rdmsr(MSR_IA32_VMX_CR0_FIXED0)) & rdmsr(MSR_IA32_VMX_CR0_FIXED1));
	write_cr4((read_cr4() | CR4_VMXE | rdmsr(MSR_IA32_VMX_CR4_FIXED0)) &
		  rdmsr(MSR_IA32_VMX_CR4_FIXED1));
	if (vmxon(virt_to_phys(cpu->hvm_area)) != VMX_SUCCEED) {
		page_free(cpu->hvm_area);
		return -EPERM;
	}
	return 0;
}

void vmx_insn_failed(const char *insn, u32 field)
{
	u64 error;

	if (vmread_safe(VM_INSTRUCTION_ERROR, &error) != VMX_SUCCEED)
		panic("%s of field 0x%x: there is no current VMCS", insn, field);
	panic("%s of field 0x%x failed with VM-instruction error %lu (SDM vol. 3, 30.4)", insn,
	      field, error);
}

/* ---- The machine ---------------------------------------------------------------------------- */

#define IO_BITMAP_PAGES	2	/* ports 0 to 0x7fff, and the rest (24.6.4) */

static int vmx_vm_init(struct vm *vm)
{
	vm->io_bitmap = pmm_alloc(IO_BITMAP_PAGES, PAGE_SIZE);
	vm->msr_bitmap = page_alloc();
	if (!vm->io_bitmap || !vm->msr_bitmap)
		return -ENOMEM;
	memset(vm->io_bitmap, 0xff, IO_BITMAP_PAGES * PAGE_SIZE);
	memset(vm->msr_bitmap, 0xff, PAGE_SIZE);
	return 0;
}

static void vmx_vm_fini(struct vm *vm)
{
	if (vm->io_bitmap)
		pmm_free(vm->io_bitmap, IO_BITMAP_PAGES);
	if (vm->msr_bitmap)
		page_free(vm->msr_bitmap);
}

/**
 * Clear both bits of an MSR in the MSR bitmaps (24.6.9): vm->msr_bitmap, a page. Of its four KiB
 * the first two are for reads of MSRs 0 to 0x1fff and 0xc0000000 to 0xc0001fff, the other two for
 * writes of them; the nth MSR of a range is bit n % 8 of byte n / 8. A set bit makes the access
 * exit. An MSR outside both ranges has no bit, and always exits.
 */
static void vmx_msr_pass(struct vm *vm, u32 msr)
{
	static const u32 range[] = { 0x00000000, 0xc0000000 };
	u8 *map = vm->msr_bitmap;

	for (u32 i = 0; i < ARRAY_SIZE(range); i++) {
		u32 n = msr - range[i];

		if (n < 0x2000) {
			map[i * 1024 + n / 8] &= (u8)~(1u << n % 8);
			map[2048 + i * 1024 + n / 8] &= (u8)~(1u << n % 8);
		}
	}
}

/* ---- Translation ---------------------------------------------------------------------------- */

static bool vmx_pte_ages(void)
{
	return rdmsr(MSR_IA32_VMX_EPT_VPID_CAP) & EPT_CAP_AD;
}

/* What the CPU knows a set of second-level tables by (24.6.11). */
static u64 vmx_eptp(const struct vm *vm)
{
	u64 ad = vm->paged && vmx_pte_ages() ? EPTP_AD : 0;

	return vm->p2m_root.v | EPTP_WALK_4 | EPTP_WRITE_BACK | ad;
}

static void vmx_flush(struct vcpu *v)
{
	bool single = rdmsr(MSR_IA32_VMX_EPT_VPID_CAP) & EPT_CAP_INVEPT_SINGLE;

	if (invept(single ? INVALIDATE_SINGLE_CONTEXT : INVALIDATE_ALL_CONTEXTS,
		   vmx_eptp(v->vm)) != VMX_SUCCEED)
		vmx_insn_failed("INVEPT", 0);
}

/* Of an EPT pointer, INVEPT minds the tables' address only (28.3.3.1). */
static bool vmx_flushes(struct vcpu *v)
{
	u64 type = this_cpu()->invept.type, eptp = this_cpu()->invept.eptp;

	this_cpu()->invept.type = 0;
	return type == INVALIDATE_ALL_CONTEXTS ||
	       (type == INVALIDATE_SINGLE_CONTEXT && !((eptp ^ vmread(EPT_POINTER)) >> PAGE_SHIFT));
}

void vmx_flush_linear(struct vcpu *v)
{
	bool single = rdmsr(MSR_IA32_VMX_EPT_VPID_CAP) & VPID_CAP_INVVPID_SINGLE;

	if (!hvm_caps.asids)
		return;		/* without VPIDs each VM entry and VM exit flushes (28.3.3.1) */
	if (invvpid(single ? INVALIDATE_SINGLE_CONTEXT : INVALIDATE_ALL_CONTEXTS,
		    v->vm->id) != VMX_SUCCEED)
		vmx_insn_failed("INVVPID", 0);
}

/* ---- A virtual CPU -------------------------------------------------------------------------- */

/**
 * Exercise 1.3 on the Intel track: settle one set of controls with the hardware. Its capability MSR
 * has a 1 in bits 31:0 for each control that must be 1, and in bits 63:32 for each that may be 1
 * (A.3 to A.5). Some controls of all sets but the secondary one must be 1 only by those MSRs' old
 * rules; when IA32_VMX_BASIC bit 55 is set, a second MSR, 12 further on, has the true ones (A.2).
 *
 * @param msr       the set's MSR, one of MSR_IA32_VMX_*_CTLS and _CTLS2
 * @param required  the controls that we cannot do without
 * @param optional  those that we take if we can have them
 * @param controls  the result: as many as may be, and those that must
 * @return -ENODEV when a required control may not be 1
 */
static int vmx_adjust_controls(u32 msr, u64 required, u64 optional, u32 *controls)
{
	u64 cap;

	if (msr != MSR_IA32_VMX_PROCBASED_CTLS2 &&
	    rdmsr(MSR_IA32_VMX_BASIC) & VMX_BASIC_TRUE_CONTROLS)
		msr += MSR_IA32_VMX_TRUE_PINBASED_CTLS - MSR_IA32_VMX_PINBASED_CTLS;
	cap = rdmsr(msr);
	*controls = (u32)((required | optional | (u32)cap) & cap >> 32);
	return (*controls & required) == required ? 0 : -ENODEV;
}

/**
 * Fill the control fields (24.6 to 24.8): which events end the guest's run, where the bitmaps and
 * the second-level tables are, what an exit and an entry save and load. Whatever could touch the
 * host or another guest exits; instructions that our CPUID does not offer exit too, or give #UD.
 *
 *   pin        external-interrupt and NMI exiting, virtual NMIs; if it may be: preemption timer
 *   primary    HLT, MWAIT, MONITOR, RDPMC, CR8-load and CR8-store exiting, TSC offsetting, I/O and
 *              MSR bitmaps, secondary controls
 *   secondary  EPT, unrestricted guest; if they may be: VPID, RDTSCP, WBINVD exiting
 *   exit       save debug controls, save and load PAT and EFER; host address-space size: 64-bit
 *   entry      load debug controls, PAT and EFER
 *
 * An external interrupt ends the run and stays pending, as the exit controls do not acknowledge
 * it. The entry control "IA-32e mode guest" is vmx_set_mode()'s. v->vmx_proc gets a copy of the
 * primary controls. The VPID is the VM's id. Of CR0 and CR4 we own all but CR0_GUEST_OWNED and
 * CR4_GUEST_OWNED. The preemption timer, which starts again at each entry (25.5.1), counts when
 * bit IA32_VMX_MISC[4:0] of the TSC changes (A.6); it is to end a trip after VMX_WATCHDOG_TICKS.
 *
 * @return -ENODEV when the CPU lacks something
 */
static int vmx_init_controls(struct vcpu *v)
{
	static const struct {
		u32 msr, field;
		u64 required, optional;
	} sets[] = {
		{ MSR_IA32_VMX_PINBASED_CTLS, PIN_BASED_VM_EXEC_CONTROL,
		  PIN_EXTERNAL_INTERRUPT_EXITING | PIN_NMI_EXITING | PIN_VIRTUAL_NMIS,
		  PIN_PREEMPTION_TIMER },
		{ MSR_IA32_VMX_PROCBASED_CTLS, PROC_BASED_VM_EXEC_CONTROL,
		  PROC_HLT_EXITING | PROC_MWAIT_EXITING | PROC_MONITOR_EXITING |
		  PROC_RDPMC_EXITING | PROC_CR8_LOAD_EXITING | PROC_CR8_STORE_EXITING |
		  PROC_USE_TSC_OFFSETTING | PROC_USE_IO_BITMAPS | PROC_USE_MSR_BITMAPS |
		  PROC_SECONDARY_CONTROLS, 0 },
		{ MSR_IA32_VMX_PROCBASED_CTLS2, SECONDARY_VM_EXEC_CONTROL,
		  PROC2_ENABLE_EPT | PROC2_UNRESTRICTED_GUEST,
		  PROC2_ENABLE_VPID | PROC2_ENABLE_RDTSCP | PROC2_WBINVD_EXITING },
		{ MSR_IA32_VMX_EXIT_CTLS, VM_EXIT_CONTROLS,
		  EXIT_SAVE_DEBUG_CONTROLS | EXIT_HOST_ADDRESS_SPACE_SIZE | EXIT_SAVE_IA32_PAT |
		  EXIT_LOAD_IA32_PAT | EXIT_SAVE_IA32_EFER | EXIT_LOAD_IA32_EFER, 0 },
		{ MSR_IA32_VMX_ENTRY_CTLS, VM_ENTRY_CONTROLS,
		  ENTRY_LOAD_DEBUG_CONTROLS | ENTRY_LOAD_IA32_PAT | ENTRY_LOAD_IA32_EFER, 0 },
	};
	u64 io_bitmap = virt_to_phys(v->vm->io_bitmap).v;
	u64 rate = rdmsr(MSR_IA32_VMX_MISC) & VMX_MISC_TIMER_RATE;

	for (u32 i = 0; i < ARRAY_SIZE(sets); i++) {
		u32 controls;
		int error = vmx_adjust_controls(sets[i].msr, sets[i].required, sets[i].optional,
						&controls);

		if (error)
			return error;
		vmwrite(sets[i].field, controls);
	}
	v->vmx_proc = vmread(PROC_BASED_VM_EXEC_CONTROL);
	vmwrite(IO_BITMAP_A, io_bitmap);
	vmwrite(IO_BITMAP_B, io_bitmap + PAGE_SIZE);
	/* A guest can make these two come again and again without an instruction in between. */
	vmwrite(EXCEPTION_BITMAP, BIT(EXC_AC) | BIT(EXC_DB));
	vmwrite(MSR_BITMAP, virt_to_phys(v->vm->msr_bitmap).v);
	vmwrite(EPT_POINTER, vmx_eptp(v->vm));
	vmwrite(CR0_GUEST_HOST_MASK, ~CR0_GUEST_OWNED);
	vmwrite(CR4_GUEST_HOST_MASK, ~CR4_GUEST_OWNED);
	if (vmread(SECONDARY_VM_EXEC_CONTROL) & PROC2_ENABLE_VPID)
		vmwrite(VIRTUAL_PROCESSOR_ID, v->vm->id);
	if (vmread(PIN_BASED_VM_EXEC_CONTROL) & PIN_PREEMPTION_TIMER)
		vmwrite(VMX_PREEMPTION_TIMER_VALUE, VMX_WATCHDOG_TICKS >> rate);
	return 0;
}

/**
 * Exercise 1.5 on the Intel track: fill the host-state fields (24.5): what a VM exit puts into the
 * registers of this CPU, so that vmx_enter() comes back to the host as it is now. Control
 * registers, EFER, PAT and the SYSENTER MSRs are copied as they are; the selectors are those of
 * x86/desc.h, with RPL and TI 0 as 26.2.3 wants them. An exit loads no descriptors: the bases of
 * FS, GS, TR, GDTR and IDTR have fields of their own, the other segments become flat (27.5.2). FS
 * and GS have their bases in MSRs, this CPU's GDT and TSS are in this_cpu()->desc, idt_register()
 * has the IDT. HOST_RSP and HOST_RIP are vmx_enter()'s.
 *
 * Some of this is different on each CPU (GS, TR, GDTR), so vmx_vcpu_load() calls it each time.
 */
static void vmx_init_host(struct vcpu *v)
{
	struct descriptors *d = &this_cpu()->desc;

	vmwrite(HOST_CR0, read_cr0());
	vmwrite(HOST_CR3, read_cr3());
	vmwrite(HOST_CR4, read_cr4());
	vmwrite(HOST_IA32_EFER, rdmsr(MSR_EFER));
	vmwrite(HOST_IA32_PAT, rdmsr(MSR_PAT));
	vmwrite(HOST_IA32_SYSENTER_CS, rdmsr(MSR_SYSENTER_CS));
	vmwrite(HOST_IA32_SYSENTER_ESP, rdmsr(MSR_SYSENTER_ESP));
	vmwrite(HOST_IA32_SYSENTER_EIP, rdmsr(MSR_SYSENTER_EIP));

	vmwrite(HOST_CS_SELECTOR, SEL_CODE);
	vmwrite(HOST_SS_SELECTOR, SEL_DATA);
	vmwrite(HOST_DS_SELECTOR, SEL_DATA);
	vmwrite(HOST_ES_SELECTOR, SEL_DATA);
	vmwrite(HOST_FS_SELECTOR, SEL_DATA);
	vmwrite(HOST_GS_SELECTOR, SEL_DATA);
	vmwrite(HOST_TR_SELECTOR, SEL_TSS);
	vmwrite(HOST_FS_BASE, rdmsr(MSR_FS_BASE));
	vmwrite(HOST_GS_BASE, rdmsr(MSR_GS_BASE));
	vmwrite(HOST_TR_BASE, (u64)&d->tss);
	vmwrite(HOST_GDTR_BASE, (u64)d->gdt);
	vmwrite(HOST_IDTR_BASE, idt_register().base);
}

/**
 * Exercise 1.4 on the Intel track: put the state in which a guest starts into the guest-state
 * fields (24.4), so that a VM entry accepts it (26.3.1) and the first instruction is the one at
 * start->rip.
 *
 *             real            protected          long
 *   CR0       ET              ET PE              ET PE PG
 *   CR4       0               0                  PAE
 *   CR3       0               0                  start->cr3
 *   EFER      0               0                  LME LMA
 *   CS        see below       8, 4 GiB, 32-bit   8, 64-bit (L set, D/B clear)
 *   others    0, 64 KiB       16, 4 GiB, 32-bit  16, 4 GiB, 32-bit
 *   RIP       see below       start->rip         start->rip
 *
 * These are the guest's view of CR0, CR3, CR4 and EFER; vmx_set_mode() turns them into VMCS fields,
 * and adds the bits that VMX insists on. vmx_set_segment() writes the four fields of a segment.
 * ES SS DS FS GS are writable data segments, CS is readable code; all are present, accessed, DPL 0,
 * base 0 but for a real-mode CS. There the base must be 16 times the selector: take as many of the
 * upper bits of start->rip (below 1 MiB) as fit: selector (rip >> 4) & 0xf000, RIP the rest. A
 * 4-GiB limit is 0xffffffff with G set; G and limit must fit each other (26.3.1.2).
 * LDTR is a present LDT and TR a busy TSS (type 11), both with selector 0 and limit 0xffff; a VM
 * entry accepts an unusable LDTR (bit 16), but never an unusable TR. GDTR and IDTR have limit
 * 0xffff and base 0. RFLAGS has only its fixed bit 1, RSP is start->rsp. DR7 and the PAT have their
 * reset values. VMCS_LINK_POINTER is all ones (24.4.2). The rest of the guest state is zero when
 * you get it; v->gpr, and DR6, which has no field in the VMCS, are done already.
 */
static void vmx_init_guest(struct vcpu *v, const struct hv_vcpu_start *start)
{
	bool real = start->mode == HV_MODE_REAL, is_long = start->mode == HV_MODE_LONG;
	u32 size = real ? 0 : SEG_G | SEG_DB;
	struct hv_segment data = {
		.selector = real ? 0 : 16,
		.attr = SEG_P | SEG_S | SEG_TYPE_DATA | size,
		.limit = real ? 0xffff : 0xffffffff,
	};
	struct hv_segment cs = {
		.selector = real ? start->rip >> 4 & 0xf000 : 8,
		.attr = SEG_P | SEG_S | SEG_TYPE_CODE | (is_long ? SEG_G | SEG_L : size),
		.limit = data.limit,
		.base = real ? start->rip & 0xf0000 : 0,
	};
	struct hv_segment ldtr = { .attr = SEG_P | SEG_TYPE_LDT, .limit = 0xffff };
	struct hv_segment tr = { .attr = SEG_P | SEG_TYPE_TSS, .limit = 0xffff };
	struct vmx_mode mode = {
		.cr0 = CR0_ET | (real ? 0 : CR0_PE) | (is_long ? CR0_PG : 0),
		.cr4 = is_long ? CR4_PAE : 0,
		.cr3 = is_long ? start->cr3 : 0,
		.efer = is_long ? EFER_LME | EFER_LMA : 0,
	};

	for (enum hv_seg seg = HV_ES; seg <= HV_GS; seg++)
		vmx_set_segment(seg, seg == HV_CS ? &cs : &data);
	vmx_set_segment(HV_LDTR, &ldtr);
	vmx_set_segment(HV_TR, &tr);
	vmwrite(GUEST_GDTR_LIMIT, 0xffff);
	vmwrite(GUEST_IDTR_LIMIT, 0xffff);
	vmx_set_mode(v, &mode);
	vmwrite(GUEST_IA32_PAT, PAT_RESET);
	vmwrite(GUEST_DR7, DR7_RESET);
	vmwrite(GUEST_RFLAGS, RFLAGS_FIXED);
	vmwrite(GUEST_RIP, start->rip - cs.base);
	vmwrite(GUEST_RSP, start->rsp);
	vmwrite(VMCS_LINK_POINTER, ~0ull);
}

/* ---- Which VMCS is current ------------------------------------------------------------------ */

void vmx_vmcs_borrow(struct vcpu *v)
{
	if (vmptrld(v->cb_hpa) != VMX_SUCCEED)
		vmx_insn_failed("VMPTRLD", 0);
}

void vmx_vmcs_return(struct vcpu *v)
{
	struct vcpu *owner = this_cpu()->owner;

	if (owner == v)
		return;
	if (vmclear(v->cb_hpa) != VMX_SUCCEED)
		vmx_insn_failed("VMCLEAR", 0);
	v->launched = false;
	if (owner && vmptrld(owner->cb_hpa) != VMX_SUCCEED)
		vmx_insn_failed("VMPTRLD", 0);
}

/* A new VMCS has no defined content (24.11.3): zero what is used and not written elsewhere. */
static void vmx_zero_fields(void)
{
	static const u32 zero[] = {
		PAGE_FAULT_ERROR_CODE_MASK, PAGE_FAULT_ERROR_CODE_MATCH,
		CR3_TARGET_COUNT, TSC_OFFSET, VM_EXIT_MSR_STORE_COUNT, VM_EXIT_MSR_LOAD_COUNT,
		VM_ENTRY_MSR_LOAD_COUNT, VM_ENTRY_INTERRUPTION_INFO,
		GUEST_GDTR_BASE, GUEST_IDTR_BASE, GUEST_ACTIVITY_STATE,
		GUEST_INTERRUPTIBILITY_STATE, GUEST_PENDING_DEBUG_EXCEPTIONS, GUEST_IA32_DEBUGCTL,
		GUEST_IA32_SYSENTER_CS, GUEST_IA32_SYSENTER_ESP, GUEST_IA32_SYSENTER_EIP,
	};

	for (u32 i = 0; i < ARRAY_SIZE(zero); i++)
		vmwrite(zero[i], 0);
}

static int vmx_vcpu_init(struct vcpu *v)
{
	int error;

	v->cb = page_alloc();
	if (!v->cb)
		return -ENOMEM;
	v->cb_hpa = virt_to_phys(v->cb);
	*(u32 *)v->cb = rdmsr(MSR_IA32_VMX_BASIC) & VMX_BASIC_REVISION;
	if (vmclear(v->cb_hpa) != VMX_SUCCEED)	/* before its first VMPTRLD (24.11.3) */
		vmx_insn_failed("VMCLEAR", 0);
	vmx_vmcs_borrow(v);
	vmx_zero_fields();
	error = vmx_init_controls(v);
	vmx_vmcs_return(v);
	if (error)
		page_free(v->cb);
	return error;
}

static void vmx_vcpu_start(struct vcpu *v, const struct hv_vcpu_start *start)
{
	vmx_vmcs_borrow(v);
	vmx_init_guest(v, start);
	vmx_vmcs_return(v);
}

static void vmx_vcpu_fini(struct vcpu *v)
{
	vmclear(v->cb_hpa);	/* or the CPU might still write to the page (24.11.1) */
	page_free(v->cb);
}

static void vmx_vcpu_load(struct vcpu *v)
{
	const struct vcpu_lazy *l = &v->lazy;

	vmx_vmcs_borrow(v);
	vmx_init_host(v);
	/*
	 * All vCPUs of a VM have its id as their VPID, and this one may have run elsewhere since it
	 * was here: what this CPU has cached under that VPID may be another's, or old.
	 */
	vmx_flush_linear(v);
	wrmsr(MSR_STAR, l->star);
	wrmsr(MSR_LSTAR, l->lstar);
	wrmsr(MSR_CSTAR, l->cstar);
	wrmsr(MSR_SFMASK, l->sfmask);
	wrmsr(MSR_KERNEL_GS_BASE, l->kernel_gs_base);
	write_cr2(l->cr2);
	write_dr6(l->dr6);
}

static void vmx_vcpu_put(struct vcpu *v)
{
	struct vcpu_lazy *l = &v->lazy;

	l->star = rdmsr(MSR_STAR);
	l->lstar = rdmsr(MSR_LSTAR);
	l->cstar = rdmsr(MSR_CSTAR);
	l->sfmask = rdmsr(MSR_SFMASK);
	l->kernel_gs_base = rdmsr(MSR_KERNEL_GS_BASE);
	l->cr2 = read_cr2();
	l->dr6 = read_dr6();
	if (vmclear(v->cb_hpa) != VMX_SUCCEED)	/* a VMCS belongs to one CPU at a time (24.11.1) */
		vmx_insn_failed("VMCLEAR", 0);
	v->launched = false;
}

/* ---- To look at ----------------------------------------------------------------------------- */

static void vmx_see_cpu(struct cpu *cpu, hvm_see_fn see)
{
	u64 free = pmm_free_pages();

	see("IA32_FEATURE_CONTROL", hvm_firmware_read());
	see("CR0", read_cr0());
	see("CR4", read_cr4());
	see("VMXON region", *(u32 *)cpu->hvm_area);
	see("second VMXON", (u64)-vmx_cpu_on(cpu));	/* in VMX operation it must fail (30.3) */
	see("pages lost", free - pmm_free_pages());
	asm volatile("vmxoff");
	hvm_pretend("locked");
	see("VMXON when forbidden", (u64)-vmx_cpu_on(cpu));
}

static void vmx_dump(struct vcpu *v, hvm_see_fn see)
{
	static const struct {
		const char *name;
		u32 encoding;
	} fields[] = {
#define VMX_FIELD(name, encoding, group) { #name, encoding },
#include "hvm/vmx.def"
	};
	u64 value;

	vmx_vmcs_borrow(v);
	for (u32 i = 0; i < ARRAY_SIZE(fields); i++) {
		if (vmread_safe(fields[i].encoding, &value) == VMX_SUCCEED)
			see(fields[i].name, value);
	}
	vmx_vmcs_return(v);
}

/* Controls that no CPU has, and those that one has to have and may have. */
static void vmx_see_controls(hvm_see_fn see)
{
	static const struct {
		const char *name;
		u32 msr;
	} sets[] = {
		{ "pin", MSR_IA32_VMX_PINBASED_CTLS }, { "primary", MSR_IA32_VMX_PROCBASED_CTLS },
		{ "secondary", MSR_IA32_VMX_PROCBASED_CTLS2 }, { "exit", MSR_IA32_VMX_EXIT_CTLS },
		{ "entry", MSR_IA32_VMX_ENTRY_CTLS },
	};
	u32 controls = 0;
	int error = 0;

	for (u32 i = 0; i < ARRAY_SIZE(sets); i++) {
		char name[32];

		snprintf(name, sizeof(name), "fewest %s", sets[i].name);
		error |= vmx_adjust_controls(sets[i].msr, 0, 0, &controls);
		see(name, controls);
		snprintf(name, sizeof(name), "most %s", sets[i].name);
		error |= vmx_adjust_controls(sets[i].msr, 0, 0xffffffff, &controls);
		see(name, controls);
	}
	see("error without need", (u64)-error);
	see("impossible control",
	    (u64)-vmx_adjust_controls(MSR_IA32_VMX_PINBASED_CTLS, 0xffffffff, 0, &controls));
}

/*
 * The host's state, as the VMCS has it and as it is. Registers that are zero are given values
 * first, which tell them apart.
 */
static void vmx_see_host(struct vcpu *v, hvm_see_fn see)
{
	struct table_register gdtr = sgdt(), idtr = sidt();
	const u64 *tss = (const u64 *)(gdtr.base + (str() & ~7u));

	wrmsr(MSR_SYSENTER_CS, 0x1110);
	wrmsr(MSR_SYSENTER_ESP, 0x2220);
	wrmsr(MSR_SYSENTER_EIP, 0x3330);
	wrmsr(MSR_FS_BASE, 0x4440);
	vmx_vcpu_load(v);
	vmx_dump(v, see);
	see("CR0", read_cr0());
	see("CR3", read_cr3());
	see("CR4", read_cr4());
	see("EFER", rdmsr(MSR_EFER));
	see("PAT", rdmsr(MSR_PAT));
	see("GS.base", rdmsr(MSR_GS_BASE));
	see("TR.base", (tss[0] >> 16 & 0xffffff) | (tss[0] >> 56) << 24 | tss[1] << 32);
	see("GDTR.base", gdtr.base);
	see("IDTR.base", idtr.base);
}

const struct hvm_ops vmx_ops = {
	.name = "vmx",
	.probe = vmx_probe,
	.cpu_on = vmx_cpu_on,
	.vm_init = vmx_vm_init,
	.vm_fini = vmx_vm_fini,
	.msr_pass = vmx_msr_pass,
	.vcpu_init = vmx_vcpu_init,
	.vcpu_start = vmx_vcpu_start,
	.vcpu_fini = vmx_vcpu_fini,
	.vcpu_load = vmx_vcpu_load,
	.vcpu_put = vmx_vcpu_put,
	.enter = vmx_trip,
	.run = vmx_run,
	.advance = vmx_advance,
	.get = vmx_get,
	.get_paging = vmx_get_paging,
	.set = vmx_set,
	.getstate = vmx_getstate,
	.setstate = vmx_setstate,
	.cr_access = vmx_cr_access,
	.inject = vmx_inject,
	.ready = vmx_ready,
	.window = vmx_window,
	.deadline = vmx_deadline,
	.flush = vmx_flush,
	.flushes = vmx_flushes,
	.violation = vmx_violation,
	.pte = ept_entry,
	.pte_encode = ept_encode,
	.pte_decode = ept_decode,
	.pte_ages = vmx_pte_ages,
	.see_cpu = vmx_see_cpu,
	.see_controls = vmx_see_controls,
	.see_host = vmx_see_host,
	.see_failures = vmx_see_failures,
	.dump = vmx_dump,
	.explain = vmx_explain,
};
