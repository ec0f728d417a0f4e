/*
 * AMD SVM behind struct hvm_ops: detect it, turn it on, build VMCBs, enter guests, tell why they
 * came back. Section numbers are those of the AMD64 Architecture Programmer's Manual, volume 2.
 */
#include "hvm/svm.h"

#include "core/cpu.h"
#include "core/panic.h"
#include "hvm/hvm.h"
#include "lib/cpuid.h"
#include "lib/lab.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/guest_fetch.h"
#include "mm/npt.h"
#include "mm/pmm.h"
#include "x86/apic.h"
#include "x86/insn.h"
#include "x86/regs.h"

/* ---- The processor -------------------------------------------------------------------------- */

/**
 * Exercise 1.1 on the AMD track: find out whether this CPU has SVM and lets us use it.
 *
 * CPUID Fn8000_0001 ECX.SVM says that the CPU has it (15.4); ask for that leaf only if Fn8000_0000
 * EAX, the largest leaf of this kind, says that Fn8000_000A exists. VM_CR.SVMDIS says that firmware
 * turned it off (15.30.1); hvm_firmware_read() reads VM_CR, so leave the RDMSR to it. Then CPUID
 * Fn8000_000A has the number of ASIDs in EBX, of which 0 is the host's, so we need two; and the
 * optional features in EDX: nested paging, and saving the next RIP. Fn8000_0001 EDX bit 26 says
 * that there are 1-GiB pages. A CPU without the optional features is no error: the caller decides.
 *
 * @param caps  filled in, all of it, from what the CPU says
 * @param why   set to a sentence for people when the answer is no
 * @return 0; -ENODEV: no SVM, or no ASID for guests; -EPERM: turned off by firmware
 */
static int svm_probe(struct hvm_caps *caps, const char **why)
{
	struct cpuid_regs r;

	if (cpuid(0x80000000, 0).eax < CPUID_SVM ||
	    !(cpuid(0x80000001, 0).ecx & CPUID_8000_0001_ECX_SVM)) {
		*why = "this CPU has no AMD SVM (CPUID Fn8000_0001 ECX bit 2 is 0)";
		return -ENODEV;
	}
	if (hvm_firmware_read() & VM_CR_SVMDIS) {
		*why = "AMD SVM is turned off in the firmware's set-up (VM_CR.SVMDIS); turn on "
		       "\"SVM Mode\" or \"Virtualization\" there";
		return -EPERM;
	}
	r = cpuid(CPUID_SVM, 0);
	if (r.ebx < 2) {
		*why = "this CPU's SVM has no ASID for guests (CPUID Fn8000_000A EBX)";
		return -ENODEV;
	}
	*caps = (struct hvm_caps){
		.asids = r.ebx,
		.nested_paging = r.edx & CPUID_SVM_NP,
		.next_rip = r.edx & CPUID_SVM_NRIPS,
		.page_1g = cpuid(0x80000001, 0).edx & BIT(26),
	};
	return 0;
}

/**
 * Exercise 1.2 on the AMD track: turn SVM on for this CPU.
 *
 * Set EFER.SVME (15.4); EFER's other bits stay as they are, as they keep us in long mode. And give
 * VMRUN a page to save host state in: its physical address goes into the MSR VM_HSAVE_PA (15.30.4).
 * Without it the CPU would save to physical address 0 and say nothing.
 *
 * cpu->hvm_area is that page. cpu->host_vmcb is another one, where svm_enter() lets VMSAVE put
 * what VMRUN does not save; cpu->host_vmcb_hpa is its physical address. page_alloc() gives a page,
 * or NULL; virt_to_phys() has its address, an hpa_t, whose number is in `.v`.
 *
 * @return 0; -ENOMEM: no page was left (nothing need be freed: the machine ends)
 */
static int svm_cpu_on(struct cpu *cpu)
{
	cpu->hvm_area = page_alloc();
	cpu->host_vmcb = page_alloc();
	if (!cpu->hvm_area || !cpu->host_vmcb)
		return -ENOMEM;
	cpu->host_vmcb_hpa = virt_to_phys(cpu->host_vmcb);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
	wrmsr(MSR_VM_HSAVE_PA, virt_to_phys(cpu->hvm_area).v);
	return 0;
}

/* ---- The machine ---------------------------------------------------------------------------- */

static int svm_vm_init(struct vm *vm)
{
	vm->io_bitmap = pmm_alloc(IOPM_PAGES, PAGE_SIZE);
	vm->msr_bitmap = pmm_alloc(MSRPM_PAGES, PAGE_SIZE);
	if (!vm->io_bitmap || !vm->msr_bitmap)
		return -ENOMEM;
	memset(vm->io_bitmap, 0xff, IOPM_PAGES * PAGE_SIZE);
	memset(vm->msr_bitmap, 0xff, MSRPM_PAGES * PAGE_SIZE);
	return 0;
}

static void svm_vm_fini(struct vm *vm)
{
	if (vm->io_bitmap)
		pmm_free(vm->io_bitmap, IOPM_PAGES);
	if (vm->msr_bitmap)
		pmm_free(vm->msr_bitmap, MSRPM_PAGES);
}

/**
 * Let a guest reach an MSR without an exit: clear both intercept bits of an MSR in the MSR
 * permission map (15.11), vm->msr_bitmap: bit 0 of a pair is for reads, bit 1 for writes. Each of
 * three ranges of 8192 MSRs has 2048 bytes of the map, four MSRs a byte, lowest bits first. They
 * begin at MSR 0, 0xc0000000 and 0xc0010000; an MSR outside them always exits, so nothing changes.
 */
static void svm_msr_pass(struct vm *vm, u32 msr)
{
	static const u32 range[] = { 0x00000000, 0xc0000000, 0xc0010000 };
	u8 *map = vm->msr_bitmap;

	for (u32 i = 0; i < ARRAY_SIZE(range); i++) {
		u32 n = msr - range[i];

		if (n < 0x2000)
			map[i * 0x800 + n / 4] &= (u8)~(3u << (n % 4 * 2));
	}
}

/**
 * Exercise 1.3 on the AMD track: fill the control area (15.9, appendix B). It is zero before.
 *
 * What ends the guest's run is whatever could touch the host or another guest, and instructions
 * that our CPUID does not offer. That is all of this, and nothing else:
 *
 *   intercept_misc1       INTR NMI INIT: events for the host. SHUTDOWN, FERR_FREEZE: its own end.
 *                         CPUID RDPMC INVD HLT INVLPGA TASK_SWITCH. IOIO_PROT and MSR_PROT: IN and
 *                         OUT, RDMSR and WRMSR, as the two bitmaps say
 *   intercept_misc2       VMRUN VMMCALL VMLOAD VMSAVE STGI CLGI SKINIT WBINVD MONITOR MWAIT
 *                         MWAIT_ARMED XSETBV
 *   intercept_cr          CR8_WRITE
 *   intercept_exceptions  #AC and #DB, a bit for each by its vector: a guest can make them come
 *                         again and again without an instruction in between
 *
 * The bitmaps are v->vm->io_bitmap and msr_bitmap; the CPU wants physical addresses. The ASID is
 * the VM's id, brought into the range from 1 to hvm_caps.asids - 1 by wrapping around; 0 is the
 * host's, so with 16 of them VM 16 must not get it. VMs may share one. So the first entry flushes
 * the TLB: TLB_CONTROL_FLUSH_ALL. V_INTR_MASKING in int_ctl makes the host's RFLAGS.IF count for
 * the host's interrupts (15.21.1), not the guest's. Nested paging is on, np_enable bit 0, with
 * v->vm->p2m_root as its root (15.25.3).
 */
static void svm_init_controls(struct vcpu *v)
{
	struct vmcb *c = vmcb_of(v);

	c->intercept_misc1 = INTERCEPT_INTR | INTERCEPT_NMI | INTERCEPT_INIT | INTERCEPT_RDPMC |
			     INTERCEPT_CPUID | INTERCEPT_INVD | INTERCEPT_HLT | INTERCEPT_INVLPGA |
			     INTERCEPT_IOIO_PROT | INTERCEPT_MSR_PROT | INTERCEPT_TASK_SWITCH |
			     INTERCEPT_FERR_FREEZE | INTERCEPT_SHUTDOWN;
	c->intercept_misc2 = INTERCEPT_VMRUN | INTERCEPT_VMMCALL | INTERCEPT_VMLOAD |
			     INTERCEPT_VMSAVE | INTERCEPT_STGI | INTERCEPT_CLGI |
			     INTERCEPT_SKINIT | INTERCEPT_WBINVD | INTERCEPT_MONITOR |
			     INTERCEPT_MWAIT | INTERCEPT_MWAIT_ARMED | INTERCEPT_XSETBV;
	/*
	 * A CR8 write may let a waiting virtual interrupt through; we want to see it happen.
	 * (QEMU's TCG even aborts when it happens unseen.)
	 */
	c->intercept_cr = INTERCEPT_CR8_WRITE;
	c->intercept_exceptions = BIT(EXC_AC) | BIT(EXC_DB);
	c->iopm_base_pa = virt_to_phys(v->vm->io_bitmap).v;
	c->msrpm_base_pa = virt_to_phys(v->vm->msr_bitmap).v;
	c->guest_asid = (u32)v->vm->id % (hvm_caps.asids - 1) + 1;
	c->tlb_control = TLB_CONTROL_FLUSH_ALL;
	c->int_ctl = V_INTR_MASKING;
	c->np_enable = 1;
	c->n_cr3 = v->vm->p2m_root.v;
}

/**
 * Exercise 1.4 on the AMD track: put the state in which a guest starts into the save area (15.5.1,
 * appendix B), so that VMRUN accepts it and the first instruction is the one at start->rip.
 *
 *             real            protected          long
 *   CR0       ET              ET PE              ET PE PG
 *   CR4       0               0                  PAE
 *   CR3       0               0                  start->cr3
 *   EFER      SVME            SVME               SVME LME LMA
 *   CS        see below       8, 4 GiB, 32-bit   8, 64-bit (L set, D clear)
 *   others    0, 64 KiB       16, 4 GiB, 32-bit  16, 4 GiB, 32-bit
 *   RIP       see below       start->rip         start->rip
 *
 * ES SS DS FS GS are writable data segments, CS is readable code; all are present, accessed, DPL 0,
 * base 0 but for a real-mode CS. There the base must be 16 times the selector: take as many of the
 * upper bits of start->rip (below 1 MiB) as fit: selector (rip >> 4) & 0xf000, RIP the rest. SVME
 * is only for VMRUN: neither the guest nor the `state` lines after a stop show it. Limits are in
 * bytes, whatever G says: 4 GiB is 0xffffffff. Segments with that limit have G set, the 64-bit CS
 * too. LDTR is a present LDT and TR a busy TSS (type 11, in every mode), both with limit 0xffff.
 * GDTR and IDTR have limit 0xffff and base 0. RFLAGS has only its fixed bit 1, RSP is start->rsp,
 * DR6, DR7 and the PAT have their reset values. The VMCB's page is zero when you get it. v->gpr is
 * done already.
 */
static void svm_init_guest(struct vcpu *v, const struct hv_vcpu_start *start)
{
	struct vmcb *c = vmcb_of(v);
	bool real = start->mode == HV_MODE_REAL, is_long = start->mode == HV_MODE_LONG;
	struct vmcb_segment data = { .selector = 16, .attr = 0xc93, .limit = 0xffffffff };

	if (real)
		data = (struct vmcb_segment){ .attr = 0x093, .limit = 0xffff };
	c->es = c->ss = c->ds = c->fs = c->gs = data;
	c->cs = data;
	c->cs.attr = real ? 0x09b : is_long ? 0xa9b : 0xc9b;
	c->cs.selector = real ? start->rip >> 4 & 0xf000 : 8;
	c->cs.base = real ? (u64)c->cs.selector << 4 : 0;
	c->ldtr = (struct vmcb_segment){ .attr = 0x082, .limit = 0xffff };
	c->tr = (struct vmcb_segment){ .attr = 0x08b, .limit = 0xffff };
	c->gdtr.limit = 0xffff;
	c->idtr.limit = 0xffff;

	c->cr0 = CR0_ET | (real ? 0 : CR0_PE) | (is_long ? CR0_PG : 0);
	c->cr4 = is_long ? CR4_PAE : 0;
	c->cr3 = is_long ? start->cr3 : 0;
	c->efer = EFER_SVME | (is_long ? EFER_LME | EFER_LMA : 0);
	c->dr6 = DR6_RESET;
	c->dr7 = DR7_RESET;
	c->g_pat = PAT_RESET;
	c->rflags = RFLAGS_FIXED;
	c->rip = start->rip - c->cs.base;
	c->rsp = start->rsp;
}

static int svm_vcpu_init(struct vcpu *v)
{
	v->cb = page_alloc();
	if (!v->cb)
		return -ENOMEM;
	v->cb_hpa = virt_to_phys(v->cb);
	svm_init_controls(v);
	return 0;
}

static void svm_vcpu_fini(struct vcpu *v)
{
	page_free(v->cb);
}

/*
 * The VMCB holds all that VMX must switch by hand. What is left is the TLB: VMs may share an ASID
 * when there are more of them than the CPU has. And CR2: VMRUN loads it (15.5.1), but Bochs 2.7
 * does not.
 */
static void svm_vcpu_load(struct vcpu *v)
{
	write_cr2(vmcb_of(v)->cr2);
	vmcb_of(v)->tlb_control = TLB_CONTROL_FLUSH_ALL;
}

static void svm_vcpu_put(struct vcpu *v) { }

/* ---- Exits ---------------------------------------------------------------------------------- */

/**
 * An exit has cut the delivery of an event short: EXITINTINFO (15.7.2), whose valid bit is set,
 * says which. Keep it in v->reinject; the next entry delivers it from the start.
 *
 * EXITINTINFO has the layout of EVENTINJ (15.20). INT n comes again by itself, as RIP is still at
 * the instruction, and so do INT3 and INTO, which are exceptions 3 and 4: those must not go in
 * twice, so v->reinject stays invalid for them.
 */
static void svm_requeue_event(struct vcpu *v)
{
	u64 info = vmcb_of(v)->exitintinfo;
	struct hv_event e = {
		.type = info >> EVENTINJ_TYPE_SHIFT & 7,
		.vector = info & EVENTINJ_VECTOR,
		.has_error = info & EVENTINJ_EV,
		.error = (u32)(info >> 32),
	};

	e.valid = e.type != HV_EVENT_SOFT &&
		  !(e.type == HV_EVENT_EXCEPTION && (e.vector == 3 || e.vector == 4));
	v->reinject = e;
}

/**
 * IN and OUT (15.10.2): EXITINFO1 has the port in bits 31:16; bit 0 is set for IN, bit 2 for INS
 * and OUTS, bit 3 for a REP prefix; bits 4, 5 and 6 stand for 1, 2 and 4 bytes. EXITINFO2 has the
 * address of the next instruction, for x->next_rip. What an OUT writes is in RAX, which the VMCB
 * has. Fill in all of x->io but for the data of an IN; x->value is the port.
 */
__maybe_unused static void svm_decode_io(const struct vmcb *c, struct hv_exit *x)
{
	u64 info = c->exitinfo1;

	x->io.port = IOIO_PORT(info);
	x->io.size = IOIO_SIZE(info);
	x->io.in = info & IOIO_IN;
	x->io.string = info & IOIO_STR;
	x->io.rep = info & IOIO_REP;
	x->io.data = (u32)c->rax;
	x->value = x->io.port;
	x->next_rip = c->exitinfo2;
}

/* Exits whose code is one of a range: control registers, debug registers, exceptions. */
__maybe_unused static void svm_decode_range(const struct vmcb *c, struct hv_exit *x)
{
	u32 code = x->code;

	if (code < VMEXIT_DR0_READ) {
		x->reason = HV_EXIT_CR;
		x->cr.cr = code & 15;
		x->cr.write = code & 16;
		x->cr.gpr = c->exitinfo1 & CR_VALID ? c->exitinfo1 & 15 : HV_GPRS;
		x->value = x->cr.cr;
	} else if (code < VMEXIT_EXCP0) {
		x->reason = HV_EXIT_DR;
		x->value = code & 15;
	} else if (code < VMEXIT_EXCP0 + 32) {
		x->reason = HV_EXIT_EXCEPTION;
		x->exception.vector = code - VMEXIT_EXCP0;
		x->exception.has_error = x->exception.vector == EXC_AC;
		x->exception.error = (u32)c->exitinfo1;
		x->value = x->exception.vector;
	}
}

__maybe_unused static enum hv_exit_reason svm_reason(u32 code)
{
	switch (code) {
#define SVM_EXIT(code, name, reason) case code: return HV_EXIT_##reason;
#include "hvm/svm.def"
	default: return HV_EXIT_UNKNOWN;
	}
}

/**
 * Exercise 1.7 on the AMD track: turn what VMRUN left in the VMCB (15.6, appendix C) into a neutral
 * exit: the reason, the address of the instruction, and the details that hv_exit has for the
 * reason.
 *
 * x->code is the low half of EXITCODE; svm_reason() knows what it means. The codes of control and
 * debug registers and of exceptions are ranges: svm_decode_range() does those, and svm_decode_io()
 * IN and OUT. RDMSR and WRMSR share a code: EXITINFO1 is 0 for RDMSR, 1 for WRMSR (15.11); the
 * MSR's number is in ECX. x->memory of a nested page fault comes from EXITINFO1, an error code with
 * the bits NPF_*, and EXITINFO2, the guest physical address (15.25.6).
 *
 * x->value is the number that says most about the exit: the leaf of CPUID (EAX), the number of an
 * MSR, RAX of a hypercall, the address of a nested page fault, the exception that an instruction
 * which the guest does not have (HV_EXIT_INSN) must give: #GP for RDPMC, #UD for others; 0 where
 * there is nothing to say. x->next_rip is 0, but for IN and OUT. *x still has the last exit. RAX is
 * in the VMCB, the other general registers in v->gpr.
 */
static void svm_decode_exit(struct vcpu *v, struct hv_exit *x)
{
	const struct vmcb *c = vmcb_of(v);

	x->code = (u32)c->exitcode;
	x->reason = svm_reason(x->code);
	x->rip = c->rip;
	x->next_rip = 0;
	x->value = 0;

	switch (x->code) {
	case VMEXIT_CR0_READ ... VMEXIT_EXCP0 + 31:
		svm_decode_range(c, x);
		break;
	case VMEXIT_CPUID:
		x->value = (u32)c->rax;
		break;
	case VMEXIT_VMMCALL:
		x->value = c->rax;
		break;
	case VMEXIT_IOIO:
		svm_decode_io(c, x);
		break;
	case VMEXIT_MSR:
		x->reason = c->exitinfo1 ? HV_EXIT_WRMSR : HV_EXIT_RDMSR;
		x->value = x->msr.index = (u32)v->gpr[HV_RCX];
		break;
	case VMEXIT_NPF:
		x->value = x->memory.gpa = c->exitinfo2;
		x->memory.present = c->exitinfo1 & NPF_PRESENT;
		x->memory.write = c->exitinfo1 & NPF_WRITE;
		x->memory.fetch = c->exitinfo1 & NPF_FETCH;
		break;
	default:
		if (x->reason == HV_EXIT_INSN)
			x->value = x->code == VMEXIT_RDPMC ? EXC_GP : EXC_UD;
	}
}

static int svm_trip(struct vcpu *v)
{
	struct vmcb *c = vmcb_of(v);

	c->rax = v->gpr[HV_RAX];
	svm_enter(v->cb_hpa, v->gpr, this_cpu()->host_vmcb_hpa);
	v->gpr[HV_RAX] = c->rax;
	c->eventinj = 0;
	c->tlb_control = TLB_CONTROL_NONE;
	return 0;
}

/* Will this guest be entered again? */
static bool goes_on(const struct vcpu *v, const struct hv_exit *x)
{
	return !v->bare && x->reason != HV_EXIT_SHUTDOWN && x->reason != HV_EXIT_REFUSED;
}

static void svm_run(struct vcpu *v, struct hv_exit *x)
{
	svm_trip(v);
	svm_decode_exit(v, x);
	if (vmcb_of(v)->exitintinfo & EVENTINJ_VALID && goes_on(v, x))
		svm_requeue_event(v);
}

/**
 * Go past the instruction that exited: to x->next_rip, if that is not 0; else to the VMCB's next
 * RIP, if this CPU saves it (15.7.1; hvm_caps.next_rip); else as many bytes further as the
 * instruction has without prefixes: CPUID, RDMSR, WRMSR, INVD, WBINVD 2; VMMCALL, XSETBV 3; HLT 1.
 * No other instruction gets here.
 *
 * Then the instruction is done, so an interrupt shadow, which STI and MOV SS cast on one
 * instruction, is over (15.21.5).
 */
static void svm_advance(struct vcpu *v, const struct hv_exit *x)
{
	struct vmcb *c = vmcb_of(v);

	if (x->next_rip)
		c->rip = x->next_rip;
	else if (hvm_caps.next_rip)
		c->rip = c->nrip;
	else if (x->reason == HV_EXIT_HLT)
		c->rip += 1;
	else if (x->reason == HV_EXIT_HYPERCALL || x->reason == HV_EXIT_XSETBV)
		c->rip += 3;
	else
		c->rip += 2;
	c->interrupt_shadow &= ~INTERRUPT_SHADOW;
}

/* What we go past begins with one of these, unless there is a prefix. */
static bool is_opcode(u8 byte)
{
	return byte == 0x0f || byte == 0xf4;	/* 0xf4: HLT */
}

static __noinline void advance_by_decoding(struct vcpu *v, const struct hv_exit *x)
{
	struct plain_insn *plain = &v->plain;
	struct hv_exit exact = *x;
	struct insn insn;

	plain->code = guest_fetch_pointer(v);
	plain->rip = plain->code ? x->rip : PLAIN_NONE;
	plain->cr3 = vmcb_of(v)->cr3;
	if (plain->code && !is_opcode(*plain->code) && !guest_fetch(v, &insn))
		exact.next_rip = x->rip + insn.length;
	svm_advance(v, &exact);
}

/*
 * svm_advance() counts no prefixes. Where the CPU does not tell the next RIP, look at the first
 * byte: each time, as the guest may have changed its code. Where it is, we remember from one exit
 * to the next. So a guest gets the wrong length if between two exits at one address, with no other
 * in between, it changes the page tables under CR3 so that another instruction is there, with
 * another number of prefixes. To find out about that, too, would cost a seventh of an exit.
 */
static void svm_advance_exactly(struct vcpu *v, const struct hv_exit *x)
{
	const struct plain_insn *plain = &v->plain;

	if ((x->rip == plain->rip && vmcb_of(v)->cr3 == plain->cr3 && *plain->code == 0x0f) ||
	    x->next_rip || hvm_caps.next_rip)
		svm_advance(v, x);
	else
		advance_by_decoding(v, x);
}

/**
 * See to it that the guest's run ends at TSC `tsc` or soon after, by an interrupt of the host's:
 * the CPU's own timer makes one from time to time anyway, and INTERCEPT_INTR makes it an exit. If
 * it would come too late (apic_timer_left()), let it come sooner (apic_timer_shorten()); it must
 * never come later. A `tsc` in the past means: as soon as may be.
 */
static void svm_deadline(struct vcpu *v, u64 tsc)
{
	s64 left = (s64)(tsc - rdtsc());
	u64 ticks = left > 0 ? (u64)left : 1;

	if (ticks < apic_timer_left())
		apic_timer_shorten(ticks);
}

/* ---- Events --------------------------------------------------------------------------------- */

/**
 * Put an event into EVENTINJ (15.20); the next VMRUN delivers it through the guest's IDT as if it
 * had happened there.
 *
 * EVENTINJ has the vector in bits 7:0, the type in bits 10:8 (the numbers of enum hv_event_type are
 * these), bit 11 for an error code, bit 31: valid; the error code is the upper half. After an NMI
 * the guest takes no other until its IRET: intercept IRET (the exit is the NMI's window).
 */
static void svm_inject(struct vcpu *v, const struct hv_event *e)
{
	struct vmcb *c = vmcb_of(v);

	c->eventinj = e->vector | (u64)e->type << EVENTINJ_TYPE_SHIFT | EVENTINJ_VALID;
	if (e->has_error)
		c->eventinj |= EVENTINJ_EV | (u64)e->error << 32;
	if (e->type == HV_EVENT_NMI)
		c->intercept_misc1 |= INTERCEPT_IRET;
}

/*
 * Could the guest take an event right now? Both kinds wait while STI or MOV SS hold events back for
 * an instruction. An interrupt also waits for RFLAGS.IF, an NMI for the IRET of the NMI before it.
 */
static bool svm_ready(struct vcpu *v, enum hv_event_type type)
{
	const struct vmcb *c = vmcb_of(v);

	if (c->interrupt_shadow & INTERRUPT_SHADOW)
		return false;
	if (type == HV_EVENT_NMI)
		return !(c->intercept_misc1 & INTERCEPT_IRET);
	return c->rflags & RFLAGS_IF;
}

/**
 * Ask for an exit as soon as the guest could take an event, or take the request back.
 *
 * An interrupt window is a virtual interrupt that is never delivered (15.21.4): set V_IRQ with a
 * priority that always wins (V_INTR_PRIO, V_IGN_TPR) and vector 0, and INTERCEPT_VINTR, which makes
 * an exit of it at the moment when it could be delivered. Taken back: all four are clear. An NMI's
 * window opens with the IRET that ends the handler of the last, which svm_inject() has intercepted.
 * There is nothing to ask for; to take it back, stop intercepting IRET.
 */
static void svm_window(struct vcpu *v, enum hv_event_type type, bool on)
{
	struct vmcb *c = vmcb_of(v);

	if (type == HV_EVENT_NMI) {
		if (!on)
			c->intercept_misc1 &= ~(u32)INTERCEPT_IRET;
	} else if (on) {
		c->intercept_misc1 |= INTERCEPT_VINTR;
		c->int_ctl |= V_IRQ | V_INTR_PRIO | V_IGN_TPR;
		c->int_vector = 0;
	} else {
		c->intercept_misc1 &= ~(u32)INTERCEPT_VINTR;
		c->int_ctl &= ~(u32)(V_IRQ | V_INTR_PRIO | V_IGN_TPR);
	}
}

/* ---- Translation and diagnosis -------------------------------------------------------------- */

/**
 * A nested page fault (15.25.6): fill in all of *out. EXITINFO1 has an error code like a page
 * fault's, with the bits NPF_*. An access is a fetch, or a write, or else a read; a walk of the
 * guest's own tables counts as a write (15.25.5). `mapped` and `walk` have a bit each.
 */
static void svm_violation(struct vcpu *v, struct hvm_violation *out)
{
	u64 info = vmcb_of(v)->exitinfo1;

	*out = (struct hvm_violation){
		.access = info & NPF_FETCH ? HV_PROT_EXEC :
			  info & NPF_WRITE ? HV_PROT_WRITE : HV_PROT_READ,
		.mapped = info & NPF_PRESENT,
		.walk = info & NPF_WALK,
	};
}

static void svm_flush(struct vcpu *v)
{
	vmcb_of(v)->tlb_control = TLB_CONTROL_FLUSH_ALL;
}

/* The fourth value, 7, would not do: it keeps what the guest has marked as global (15.16.1). */
static bool svm_flushes(struct vcpu *v)
{
	u32 how = vmcb_of(v)->tlb_control;

	if (how == TLB_CONTROL_FLUSH_ASID)
		return cpuid(CPUID_SVM, 0).edx & CPUID_SVM_FLUSH_BY_ASID;
	return how == TLB_CONTROL_FLUSH_ALL;
}

/* Nested page tables are ordinary ones in this, too (15.25.3). */
static bool svm_pte_ages(void)
{
	return true;
}

static int svm_cr_access(struct vcpu *v, const struct hv_exit *x)
{
	return -EINVAL;	/* CR0, CR3 and CR4 are the guest's own; their accesses don't exit */
}

const struct hvm_ops svm_ops = {
	.name = "svm",
	.probe = svm_probe,
	.cpu_on = svm_cpu_on,
	.vm_init = svm_vm_init,
	.vm_fini = svm_vm_fini,
	.msr_pass = svm_msr_pass,
	.vcpu_init = svm_vcpu_init,
	.vcpu_start = svm_init_guest,
	.vcpu_fini = svm_vcpu_fini,
	.vcpu_load = svm_vcpu_load,
	.vcpu_put = svm_vcpu_put,
	.enter = svm_trip,
	.run = svm_run,
	.advance = svm_advance_exactly,
	.get = svm_get,
	.get_paging = svm_get_paging,
	.set = svm_set,
	.getstate = svm_getstate,
	.setstate = svm_setstate,
	.cr_access = svm_cr_access,
	.inject = svm_inject,
	.ready = svm_ready,
	.window = svm_window,
	.deadline = svm_deadline,
	.flush = svm_flush,
	.flushes = svm_flushes,
	.violation = svm_violation,
	.pte = npt_entry,
	.pte_encode = npt_encode,
	.pte_decode = npt_decode,
	.pte_ages = svm_pte_ages,
	.see_cpu = svm_see_cpu,
	.dump = svm_dump,
	.explain = svm_explain,
};
