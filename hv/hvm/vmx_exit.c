/*
 * Intel VMX: one trip into the guest, and what the VMCS says about its end. Each VMREAD takes time,
 * so only the fields that a reason needs are read.
 */
#include "core/panic.h"
#include "hvm/vmx.h"
#include "lib/lab.h"
#include "x86/insn.h"
#include "x86/regs.h"

/* Exits by an instruction: these tell its length (27.2.5), so where the next one is. */
#define INSN_EXITS \
	(BIT(HV_EXIT_CPUID) | BIT(HV_EXIT_RDMSR) | BIT(HV_EXIT_WRMSR) | BIT(HV_EXIT_IO) | \
	 BIT(HV_EXIT_HLT) | BIT(HV_EXIT_HYPERCALL) | BIT(HV_EXIT_CR) | BIT(HV_EXIT_DR) | \
	 BIT(HV_EXIT_XSETBV) | BIT(HV_EXIT_WBINVD) | BIT(HV_EXIT_INSN))

__maybe_unused static enum hv_exit_reason vmx_reason(u32 basic)
{
	static const u8 reasons[] = {
#define VMX_EXIT(number, name, neutral) [number] = HV_EXIT_##neutral,
#include "hvm/vmx.def"
	};
	static_assert(HV_EXIT_UNKNOWN == 0, "the gaps between the numbers are zeros");

	return basic < ARRAY_SIZE(reasons) ? reasons[basic] : HV_EXIT_UNKNOWN;
}

/**
 * The address after the instruction at `rip` that caused this exit. Outside 64-bit mode EIP wraps
 * at 4 GiB; CS has L set only in 64-bit mode. Where no border is crossed, one VMREAD is saved.
 */
__maybe_unused static u64 vmx_next_rip(u64 rip)
{
	u64 next = rip + vmread(VM_EXIT_INSTRUCTION_LENGTH);

	if ((rip ^ next) >> 32 && !(vmread(GUEST_CS_ACCESS_RIGHTS) & SEG_L))
		next = (u32)next;
	return next;
}

/* ---- Details of one reason ------------------------------------------------------------------ */

/**
 * I/O instructions (table 27-5): bits 2:0 of the exit qualification are the size in bytes minus 1,
 * bit 3 is set for IN, bit 4 for INS and OUTS, bit 5 for a REP prefix; bits 31:16 are the port.
 */
__maybe_unused static void vmx_decode_io(const struct vcpu *v, struct hv_exit *x)
{
	u64 q = vmread(EXIT_QUALIFICATION);

	x->io.size = (q & 7) + 1;
	x->io.in = q & BIT(3);
	x->io.string = q & BIT(4);
	x->io.rep = q & BIT(5);
	x->io.port = (u16)(q >> 16);
	x->io.data = (u32)v->gpr[HV_RAX];
	x->value = x->io.port;
}

/**
 * Control-register accesses (table 27-3): bits 3:0 of the exit qualification are the register,
 * bits 5:4 the kind: MOV to CR, MOV from CR, CLTS, LMSW. Bits 11:8 are the general-purpose
 * register of a MOV, bits 31:16 the source of LMSW.
 */
__maybe_unused static void vmx_decode_cr(struct hv_exit *x)
{
	u64 q = vmread(EXIT_QUALIFICATION);
	u64 kind = q >> 4 & 3;

	x->cr.cr = q & 15;
	x->cr.gpr = q >> 8 & 15;
	x->cr.write = kind != 1;
	x->cr.clts = kind == 2;
	x->cr.lmsw = kind == 3;
	x->cr.lmsw_source = (u16)(q >> 16);
	x->value = x->cr.cr;
}

/*
 * The event whose delivery the exit cut short (27.2.4). INT1, INT3 and INTO have types of their own
 * (5 and 6); to put such an event back in, it is enough to know it as software and how long.
 */
static void vmx_decode_event(struct hv_event *e)
{
	u64 info = vmread(IDT_VECTORING_INFO);

	if (!(info & EVENT_VALID))
		return;
	*e = (struct hv_event){
		.valid = true,
		.type = EVENT_TYPE(info) < HV_EVENT_SOFT ? EVENT_TYPE(info) : HV_EVENT_SOFT,
		.vector = info & EVENT_VECTOR,
		.has_error = info & EVENT_ERROR_CODE,
	};
	if (e->has_error)
		e->error = (u32)vmread(IDT_VECTORING_ERROR_CODE);
	if (e->type == HV_EVENT_SOFT)
		e->insn_len = (u8)vmread(VM_EXIT_INSTRUCTION_LENGTH);
}

/*
 * An IRET ended the blocking of NMIs and then faulted, so it will run again: block them again
 * (27.2.3). With an event under way it was not IRET.
 */
static void vmx_block_nmi_again(const struct vcpu *v)
{
	if (!v->reinject.valid)
		vmwrite(GUEST_INTERRUPTIBILITY_STATE,
			vmread(GUEST_INTERRUPTIBILITY_STATE) | BLOCKING_BY_NMI);
}

/**
 * EPT violations (table 27-7): bits 2:0 of the exit qualification say which access it was (read,
 * write, fetch), bits 5:3 what the tables allow there: nothing, when there is no translation.
 */
__maybe_unused static void vmx_decode_memory(struct vcpu *v, struct hv_exit *x)
{
	u64 q = vmread(EXIT_QUALIFICATION);

	vmx_decode_event(&v->reinject);
	if (q & EVENT_NMI_UNBLOCKING)
		vmx_block_nmi_again(v);
	x->memory.gpa = vmread(GUEST_PHYSICAL_ADDRESS);
	x->memory.write = q & BIT(1);
	x->memory.fetch = q & BIT(2);
	x->memory.present = q >> 3 & 7;
	x->value = x->memory.gpa;
}

/*
 * An exception that we intercept, or an NMI of the host's, told apart by their type (27.2.2). The
 * exit has eaten the NMI and blocks the next; an INT 2 of our own calls its handler, and the IRET
 * at its end unblocks.
 */
static void vmx_decode_exception(struct vcpu *v, struct hv_exit *x)
{
	u64 info = vmread(VM_EXIT_INTERRUPTION_INFO);

	vmx_decode_event(&v->reinject);
	if (EVENT_TYPE(info) == HV_EVENT_NMI) {
		x->reason = HV_EXIT_HOST_NMI;
		asm volatile("int $2");
		return;
	}
	x->exception.vector = info & EVENT_VECTOR;
	x->exception.has_error = info & EVENT_ERROR_CODE;
	x->exception.error = x->exception.has_error ?
			     (u32)vmread(VM_EXIT_INTERRUPTION_ERROR_CODE) : 0;
	x->value = x->exception.vector;
	if (x->exception.vector == EXC_DB)	/* the exit has left DR6 to us (27.2.1) */
		write_dr6(DR6_RESET | (vmread(EXIT_QUALIFICATION) & DR6_EVENTS));
	if (info & EVENT_NMI_UNBLOCKING && x->exception.vector != EXC_DF)
		vmx_block_nmi_again(v);
}

/* ---- The trip ------------------------------------------------------------------------------- */

/**
 * Turn what a VM exit left in the VMCS (27.2, appendix C) into a neutral exit: the reason, the
 * addresses of this and of the next instruction, and the details that hv_exit has for the reason.
 *
 * VM_EXIT_REASON has the basic reason in bits 15:0, which vmx_reason() knows; that is x->code.
 * Bit 31 is set when the entry failed: the guest has not run, and x->reason is HV_EXIT_REFUSED.
 * x->next_rip is vmx_next_rip() for the reasons in INSN_EXITS and 0 for others, whose instruction
 * length is not defined. x->value is the number that says most about the exit: the leaf of CPUID
 * (EAX), the number of an MSR (ECX), RAX of a hypercall, the exception that an instruction which
 * the guest does not have must give (RDPMC: #GP, others #UD), the qualification of a failed entry;
 * 0 where there is nothing to say. I/O, control registers, memory and exceptions have functions of
 * their own, above. The last two may find that an event was being delivered: v->reinject gets it.
 */
static void vmx_decode_exit(struct vcpu *v, struct hv_exit *x)
{
	u32 reason = (u32)vmread(VM_EXIT_REASON);

	x->code = reason & EXIT_REASON_BASIC;
	x->reason = vmx_reason(x->code);
	x->rip = vmread(GUEST_RIP);
	x->next_rip = BIT(x->reason) & INSN_EXITS ? vmx_next_rip(x->rip) : 0;
	x->value = 0;

	switch (x->reason) {
	case HV_EXIT_CPUID:
		x->value = (u32)v->gpr[HV_RAX];
		break;
	case HV_EXIT_RDMSR:
	case HV_EXIT_WRMSR:
		x->value = x->msr.index = (u32)v->gpr[HV_RCX];
		break;
	case HV_EXIT_HYPERCALL:
		x->value = v->gpr[HV_RAX];
		break;
	case HV_EXIT_IO:
		vmx_decode_io(v, x);
		break;
	case HV_EXIT_CR:
		vmx_decode_cr(x);
		break;
	case HV_EXIT_MEMORY:
		vmx_decode_memory(v, x);
		break;
	case HV_EXIT_EXCEPTION:
		vmx_decode_exception(v, x);
		break;
	case HV_EXIT_INSN:
		x->value = x->code == VMX_EXIT_RDPMC ? EXC_GP : EXC_UD;
		break;
	case HV_EXIT_REFUSED:
		x->value = vmread(EXIT_QUALIFICATION);
		break;
	default:
		break;
	}
}

/* VMLAUNCH or VMRESUME failed early, at the controls or the host state: there was no exit. */
static void vmx_decode_failure(struct hv_exit *x, enum vmx_status status)
{
	x->reason = HV_EXIT_REFUSED;
	x->code = status == VMX_FAIL_VALID ? (u32)vmread(VM_INSTRUCTION_ERROR) : 0;
	x->rip = status == VMX_FAIL_VALID ? vmread(GUEST_RIP) : 0;
	x->next_rip = 0;
	x->value = x->code;
}

int vmx_trip(struct vcpu *v)
{
	enum vmx_status status = vmx_enter(v->gpr, v->launched);

	if (!v->launched && status == VMX_SUCCEED)
		v->launched = !(vmread(VM_EXIT_REASON) & EXIT_REASON_ENTRY_FAILURE);
	return status;
}

void vmx_run(struct vcpu *v, struct hv_exit *x)
{
	int status = vmx_trip(v);

	if (status == VMX_SUCCEED)
		vmx_decode_exit(v, x);
	else
		vmx_decode_failure(x, (enum vmx_status)status);
}

void vmx_advance(struct vcpu *v, u64 next_rip)
{
	u64 blocking = vmread(GUEST_INTERRUPTIBILITY_STATE);

	vmwrite(GUEST_RIP, next_rip);
	if (blocking & (BLOCKING_BY_STI | BLOCKING_BY_MOV_SS))
		vmwrite(GUEST_INTERRUPTIBILITY_STATE,
			blocking & ~(BLOCKING_BY_STI | BLOCKING_BY_MOV_SS));
}
