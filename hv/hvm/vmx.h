/**
 * @file vmx.h
 * The VMCS, its fields and bits, and the instructions of Intel VMX (SDM vol. 3, chapters 23 to 30;
 * see vmx.def about the numbering of sections).
 *
 * A VMCS is a page of memory, but its layout is the CPU's secret: its fields have numbers, and
 * VMREAD and VMWRITE reach those of the one VMCS that VMPTRLD made current on this CPU.
 */
#ifndef HVM_VMX_H
#define HVM_VMX_H

/* The same numbers as in vmx.def, for assembly; vmx.c asserts it. */
#define VMCS_HOST_RSP	0x6c14
#define VMCS_HOST_RIP	0x6c16

#ifndef __ASSEMBLER__

#include "core/cpu.h"
#include "hvm/hvm.h"

/** The fields of a VMCS, by their encodings. */
enum vmcs_field {
#define VMX_FIELD(name, encoding, group) name = (encoding),
#include "hvm/vmx.def"
};

/** Basic exit reasons: bits 15:0 of VM_EXIT_REASON. */
enum vmx_exit {
#define VMX_EXIT(number, name, neutral) VMX_EXIT_##name = (number),
#include "hvm/vmx.def"
};

#define EXIT_REASON_BASIC		0xffffu
#define EXIT_REASON_ENTRY_FAILURE	BIT(31)

/* Capability MSRs (appendix A) */
#define MSR_IA32_VMX_BASIC		0x480
#define VMX_BASIC_REVISION		0x7fffffffu	/* goes into the first word of a VMCS */
#define VMX_BASIC_TRUE_CONTROLS		BIT(55)		/* the MSRs IA32_VMX_TRUE_* exist */
#define MSR_IA32_VMX_PINBASED_CTLS	0x481
#define MSR_IA32_VMX_PROCBASED_CTLS	0x482
#define MSR_IA32_VMX_EXIT_CTLS		0x483
#define MSR_IA32_VMX_ENTRY_CTLS		0x484
#define MSR_IA32_VMX_MISC		0x485
#define VMX_MISC_TIMER_RATE		0x1fu	/* the timer counts when this bit of the TSC does */
#define MSR_IA32_VMX_CR0_FIXED0		0x486	/* bits that must be 1 */
#define MSR_IA32_VMX_CR0_FIXED1		0x487	/* bits that may be 1 */
#define MSR_IA32_VMX_CR4_FIXED0		0x488
#define MSR_IA32_VMX_CR4_FIXED1		0x489
#define MSR_IA32_VMX_PROCBASED_CTLS2	0x48b
#define MSR_IA32_VMX_EPT_VPID_CAP	0x48c
#define EPT_CAP_WALK_4			BIT(6)
#define EPT_CAP_WRITE_BACK		BIT(14)
#define EPT_CAP_PAGE_2M			BIT(16)
#define EPT_CAP_PAGE_1G			BIT(17)
#define EPT_CAP_INVEPT			BIT(20)
#define EPT_CAP_AD			BIT(21)
#define EPT_CAP_INVEPT_SINGLE		BIT(25)
#define EPT_CAP_INVEPT_ALL		BIT(26)
#define VPID_CAP_INVVPID		BIT(32)
#define VPID_CAP_INVVPID_SINGLE		BIT(41)
#define VPID_CAP_INVVPID_ALL		BIT(42)
#define MSR_IA32_VMX_TRUE_PINBASED_CTLS	0x48d	/* and the other three, in the same order */

/* CPUID.1:ECX (23.6) */
#define CPUID_1_ECX_VMX			BIT(5)

/* Pin-based VM-execution controls (24.6.1) */
#define PIN_EXTERNAL_INTERRUPT_EXITING	BIT(0)
#define PIN_NMI_EXITING			BIT(3)
#define PIN_VIRTUAL_NMIS		BIT(5)
#define PIN_PREEMPTION_TIMER		BIT(6)

/* Primary processor-based VM-execution controls (24.6.2) */
#define PROC_INTERRUPT_WINDOW_EXITING	BIT(2)
#define PROC_USE_TSC_OFFSETTING		BIT(3)
#define PROC_HLT_EXITING		BIT(7)
#define PROC_MWAIT_EXITING		BIT(10)
#define PROC_RDPMC_EXITING		BIT(11)
#define PROC_CR8_LOAD_EXITING		BIT(19)
#define PROC_CR8_STORE_EXITING		BIT(20)
#define PROC_NMI_WINDOW_EXITING		BIT(22)
#define PROC_USE_IO_BITMAPS		BIT(25)
#define PROC_USE_MSR_BITMAPS		BIT(28)
#define PROC_MONITOR_EXITING		BIT(29)
#define PROC_SECONDARY_CONTROLS		BIT(31)

/* Secondary processor-based VM-execution controls (24.6.2) */
#define PROC2_ENABLE_EPT		BIT(1)
#define PROC2_ENABLE_RDTSCP		BIT(3)
#define PROC2_ENABLE_VPID		BIT(5)
#define PROC2_WBINVD_EXITING		BIT(6)
#define PROC2_UNRESTRICTED_GUEST	BIT(7)

/* VM-exit controls (24.7.1) */
#define EXIT_SAVE_DEBUG_CONTROLS	BIT(2)
#define EXIT_HOST_ADDRESS_SPACE_SIZE	BIT(9)	/* the host is in 64-bit mode */
#define EXIT_SAVE_IA32_PAT		BIT(18)
#define EXIT_LOAD_IA32_PAT		BIT(19)
#define EXIT_SAVE_IA32_EFER		BIT(20)
#define EXIT_LOAD_IA32_EFER		BIT(21)

/* VM-entry controls (24.8.1) */
#define ENTRY_LOAD_DEBUG_CONTROLS	BIT(2)
#define ENTRY_IA32E_MODE_GUEST		BIT(9)	/* equals the guest's EFER.LMA */
#define ENTRY_LOAD_IA32_PAT		BIT(14)
#define ENTRY_LOAD_IA32_EFER		BIT(15)

/* EPT_POINTER (24.6.11) */
#define EPTP_WRITE_BACK			6u
#define EPTP_WALK_4			(3u << 3)	/* levels, minus one */
#define EPTP_AD				BIT(6)	/* accessed and dirty bits are kept (28.3.5) */

/* GUEST_INTERRUPTIBILITY_STATE (24.4.2), GUEST_PENDING_DEBUG_EXCEPTIONS */
#define BLOCKING_BY_STI			BIT(0)
#define BLOCKING_BY_MOV_SS		BIT(1)
#define BLOCKING_BY_NMI			BIT(3)
#define PENDING_DEBUG_BS		BIT(14)	/* single step */

/* The three event fields: entry (24.8.3), exit (24.9.2), IDT-vectoring information (24.9.3) */
#define EVENT_VECTOR			0xffu
#define EVENT_TYPE(info)		((info) >> 8 & 7)
#define EVENT_TYPE_SHIFT		8
#define EVENT_ERROR_CODE		BIT(11)
#define EVENT_NMI_UNBLOCKING		BIT(12)	/* exit only: an IRET had ended NMI blocking */
#define EVENT_VALID			BIT(31)

/* TSC ticks after which the preemption timer ends a trip into the guest. */
#define VMX_WATCHDOG_TICKS		1000000

/** How a VMX instruction ended (30.2). */
enum vmx_status {
	VMX_SUCCEED,
	VMX_FAIL_INVALID,	/**< CF = 1: there is no current VMCS, or the operand is bad */
	VMX_FAIL_VALID,		/**< ZF = 1: VM_INSTRUCTION_ERROR of the current VMCS says why */
};

/** Panics: a VMX instruction failed that only a bug of ours can make fail. `field` may be 0. */
__noreturn void vmx_insn_failed(const char *insn, u32 field);

/** Read a field, if this CPU has it. */
static inline enum vmx_status vmread_safe(u32 field, u64 *value)
{
	bool failed;

	*value = 0;
	asm volatile("vmread %2, %0" : "+r"(*value), "=@ccbe"(failed) : "r"((u64)field));
	return failed ? VMX_FAIL_VALID : VMX_SUCCEED;
}

/** Read a field of the current VMCS. */
static inline u64 vmread(u32 field)
{
	bool failed;
	u64 value;

	asm volatile("vmread %2, %0" : "=r"(value), "=@ccbe"(failed) : "r"((u64)field));
	if (failed)
		vmx_insn_failed("VMREAD", field);
	return value;
}

/** Write a field of the current VMCS. */
static inline void vmwrite(u32 field, u64 value)
{
	bool failed;

	asm volatile("vmwrite %1, %2" : "=@ccbe"(failed) : "r"(value), "r"((u64)field) : "memory");
	if (failed)
		vmx_insn_failed("VMWRITE", field);
}

/* These three take the physical address of a page: of the VMXON region, or of a VMCS. */
#define VMX_INSN(name) \
	static inline enum vmx_status name(hpa_t region) \
	{ \
		bool invalid, valid; \
		asm volatile(#name " %2" \
			     : "=@ccc"(invalid), "=@ccz"(valid) : "m"(region) : "memory"); \
		return invalid ? VMX_FAIL_INVALID : valid ? VMX_FAIL_VALID : VMX_SUCCEED; \
	}
VMX_INSN(vmxon)
VMX_INSN(vmclear)
VMX_INSN(vmptrld)
#undef VMX_INSN

/* INVEPT and INVVPID: what to forget, by type and operand (28.3.3, 30.3). */
#define INVALIDATE_SINGLE_CONTEXT	1	/* of one EPT pointer, of one VPID */
#define INVALIDATE_ALL_CONTEXTS		2
#define VMX_INVALIDATE(name, note) \
	static inline enum vmx_status name(u64 type, u64 operand) \
	{ \
		u64 descriptor[2] = { operand, 0 }; \
		bool invalid, valid; \
		asm volatile(#name " %2, %3" : "=@ccc"(invalid), "=@ccz"(valid) \
			     : "m"(descriptor), "r"(type) : "memory"); \
		note; \
		return invalid ? VMX_FAIL_INVALID : valid ? VMX_FAIL_VALID : VMX_SUCCEED; \
	}
VMX_INVALIDATE(invept, (this_cpu()->invept.type = type, this_cpu()->invept.eptp = operand))
VMX_INVALIDATE(invvpid, )
#undef VMX_INVALIDATE

/** Write all of a segment register. The VMCS has them in the order of enum hv_seg. */
static inline void vmx_set_segment(enum hv_seg seg, const struct hv_segment *s)
{
	vmwrite(GUEST_ES_SELECTOR + 2 * seg, s->selector);
	vmwrite(GUEST_ES_BASE + 2 * seg, s->base);
	vmwrite(GUEST_ES_LIMIT + 2 * seg, s->limit);
	vmwrite(GUEST_ES_ACCESS_RIGHTS + 2 * seg, s->attr);
}

/**
 * The world switch: load the guest's registers, VMLAUNCH or VMRESUME, save them again.
 * @param gpr       16 registers in encoding order; RSP is in the VMCS, gpr[4] is left alone
 * @param launched  the current VMCS was launched since its VMCLEAR: VMRESUME
 * @return VMX_SUCCEED: there was an entry and a VM exit (perhaps because the entry failed late);
 *         else the instruction failed and nothing was entered
 */
enum vmx_status vmx_enter(u64 *gpr, bool launched);

/* vmx_exit.c */
int vmx_trip(struct vcpu *v);
void vmx_run(struct vcpu *v, struct hv_exit *x);
void vmx_see_failures(struct vcpu *v, hvm_see_fn see);
void vmx_advance(struct vcpu *v, const struct hv_exit *x);

/* The exit qualification of an EPT violation (table 27-7) */
#define EPT_VIOLATION_READ	BIT(0)	/* what it was */
#define EPT_VIOLATION_WRITE	BIT(1)
#define EPT_VIOLATION_FETCH	BIT(2)
#define EPT_VIOLATION_ALLOWED	0x38u	/* what the entries allow: of all levels together */
#define EPT_VIOLATION_LINEAR	BIT(7)	/* the guest used a linear address, */
#define EPT_VIOLATION_FINAL	BIT(8)	/* and it had been translated; else its tables were read */

void vmx_violation(struct vcpu *v, struct hvm_violation *out);

/* vmx_event.c */
void vmx_inject(struct vcpu *v, const struct hv_event *e);
bool vmx_ready(struct vcpu *v, enum hv_event_type type);
void vmx_window(struct vcpu *v, enum hv_event_type type, bool on);
void vmx_deadline(struct vcpu *v, u64 tsc);

/*
 * vmx_cr.c: the registers that decide the guest's mode. They are read, checked and written
 * together, because each rule is about several of them.
 */
struct vmx_mode {
	u64 cr0, cr3, cr4;	/**< as the guest sees them */
	u64 efer;
	u64 pdpte[4];		/**< PAE paging only; vmx_check_mode() reads them */
};

/*
 * The bits of CR0 and CR4 that the guest has for itself (24.6.6). The others are ours: the guest
 * reads what it wrote, from the read shadow, and a write that changes one of them exits.
 */
#define CR0_GUEST_OWNED	(CR0_MP | CR0_EM | CR0_TS | CR0_WP | CR0_AM)
#define CR4_GUEST_OWNED	(0x7ff /* VME to OSXMMEXCPT */ | CR4_UMIP | CR4_FSGSBASE | CR4_OSXSAVE | \
			 CR4_SMEP | CR4_SMAP)
#define CR4_UMIP	BIT(11)
#define CR4_FSGSBASE	BIT(16)

void vmx_get_mode(struct vcpu *v, struct vmx_mode *m);
/** Could a CPU be in this mode? Sets EFER.LMA and the PDPTEs. @return -EINVAL: it would be #GP */
int vmx_check_mode(struct vcpu *v, struct vmx_mode *m);
void vmx_set_mode(struct vcpu *v, const struct vmx_mode *m);
int vmx_cr_access(struct vcpu *v, const struct hv_exit *x);

/* vmx_state.c */
u64 vmx_get(struct vcpu *v, enum hvm_reg reg);
void vmx_get_paging(struct vcpu *v, struct hvm_paging *p);
void vmx_set(struct vcpu *v, enum hvm_reg reg, u64 value);
void vmx_getstate(struct vcpu *v, struct hv_vcpu_state *s, u64 groups);
int vmx_setstate(struct vcpu *v, const struct hv_vcpu_state *s, u64 groups);

/* vmx_check.c */
void vmx_explain(struct vcpu *v, hvm_rule_fn say, void *ctx);

/* vmx.c */
/** Make the VMCS of `v` current for a while, whoever has the CPU. vmx_vmcs_return() ends it. */
void vmx_vmcs_borrow(struct vcpu *v);
void vmx_vmcs_return(struct vcpu *v);
/** Drop what this CPU has cached of the guest's own page tables. */
void vmx_flush_linear(struct vcpu *v);

#endif
#endif
