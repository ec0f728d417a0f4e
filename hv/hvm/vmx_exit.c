/*
 * Intel VMX: one trip into the guest, and what the VMCS says about its end. Each VMREAD takes time,
 * so only the fields that a reason needs are read.
 */
#include "core/panic.h"
#include "hvm/vmx.h"
#include "lib/lab.h"
#include "x86/insn.h"
#include "x86/regs.h"

__maybe_unused static enum hv_exit_reason vmx_reason(u32 basic)
{
	static const u8 reasons[] = {
#define VMX_EXIT(number, name, neutral) [number] = HV_EXIT_##neutral,
#include "hvm/vmx.def"
	};
	static_assert(HV_EXIT_UNKNOWN == 0, "the gaps between the numbers are zeros");

	return basic < ARRAY_SIZE(reasons) ? reasons[basic] : HV_EXIT_UNKNOWN;
}

/* ---- Details of one reason ------------------------------------------------------------------ */

/**
 * I/O instructions (table 27-5): bits 2:0 of the exit qualification are the size in bytes minus 1,
 * bit 3 is set for IN, bit 4 for INS and OUTS, bit 5 for a REP prefix; bits 31:16 are the port.
 *
 * Fill in all of x->io. x->io.data is what OUT sends: the guest's EAX, of which x->io.size bytes
 * count. x->value is the port.
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

/**
 * An exit has cut the delivery of an event short: IDT_VECTORING_INFO, whose valid bit is set, says
 * which (27.2.4). Keep it in v->reinject, which becomes valid; the next entry delivers it from the
 * start.
 *
 * The field has the layout of VM_ENTRY_INTERRUPTION_INFO (24.8.3), the error code is in
 * IDT_VECTORING_ERROR_CODE. INT n, INT1, INT3 and INTO (types 4, 5 and 6) all go back in as
 * HV_EVENT_SOFT, with the length of the instruction; the VMCS has it, as for an exit by an
 * instruction.
 */
static void vmx_requeue_event(struct vcpu *v)
{
	u64 info = vmread(IDT_VECTORING_INFO);
	struct hv_event e = {
		.valid = true,
		.type = EVENT_TYPE(info) < HV_EVENT_SOFT ? EVENT_TYPE(info) : HV_EVENT_SOFT,
		.vector = info & EVENT_VECTOR,
		.has_error = info & EVENT_ERROR_CODE,
	};

	if (e.has_error)
		e.error = (u32)vmread(IDT_VECTORING_ERROR_CODE);
	if (e.type == HV_EVENT_SOFT)
		e.insn_len = (u8)vmread(VM_EXIT_INSTRUCTION_LENGTH);
	v->reinject = e;
}

/* Exits in the middle of an event's delivery: memory and exceptions can do that. */
static void vmx_look_for_event(struct vcpu *v)
{
	if (!v->bare && vmread(IDT_VECTORING_INFO) & EVENT_VALID)
		vmx_requeue_event(v);
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

	vmx_look_for_event(v);
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
__maybe_unused static void vmx_decode_exception(struct vcpu *v, struct hv_exit *x)
{
	u64 info = vmread(VM_EXIT_INTERRUPTION_INFO);

	vmx_look_for_event(v);
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
	if (x->exception.vector == EXC_DB) {	/* the exit has left DR6 and DR7 to us (27.1) */
		write_dr6(DR6_RESET | (vmread(EXIT_QUALIFICATION) & DR6_EVENTS));
		vmwrite(GUEST_DR7, vmread(GUEST_DR7) & ~DR7_GD);
	}
	if (info & EVENT_NMI_UNBLOCKING && x->exception.vector != EXC_DF)
		vmx_block_nmi_again(v);
}

/* ---- The trip ------------------------------------------------------------------------------- */

/**
 * Exercise 1.7 on the Intel track: turn what a VM exit left in the VMCS (27.2, appendix C) into a
 * neutral exit: the reason, the address of the instruction, and the details that hv_exit has for
 * the reason.
 *
 * VM_EXIT_REASON has the basic reason in bits 15:0: that is x->code, and vmx_reason() makes
 * x->reason of it. The bits above say other things: bit 31, that an entry failed. x->rip is
 * GUEST_RIP.
 * x->value is the number that says most about the exit:
 *
 *   CPUID                the leaf (EAX)
 *   RDMSR, WRMSR         the number of the MSR (ECX), which goes into x->msr.index, too
 *   HYPERCALL            RAX
 *   INSN                 the exception that an instruction which the guest does not have must give:
 *                        #GP for RDPMC, #UD for all others
 *   REFUSED              the exit qualification
 *   IO, CR, MEMORY,      set by vmx_decode_io() and the like, above, with the details
 *   EXCEPTION
 *   others               0
 *
 * EAX and ECX are 32 bits wide, whatever the upper halves of RAX and RCX hold. x->next_rip is 0:
 * VMREADs take time, and vmx_advance() reads the length when it is needed.
 */
static void vmx_decode_exit(struct vcpu *v, struct hv_exit *x)
{
	u32 reason = (u32)vmread(VM_EXIT_REASON);

	x->code = reason & EXIT_REASON_BASIC;
	x->reason = vmx_reason(x->code);
	x->rip = vmread(GUEST_RIP);
	x->next_rip = 0;
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

/**
 * An EPT violation (table 27-7): fill in all of *out. The exit qualification has the bits
 * EPT_VIOLATION_*. It was a walk of the guest's own tables if there was a linear address whose
 * translation was not finished; a walk has no such address when MOV to CR3 reads the PDPTEs, and
 * that counts as an access of the guest's.
 */
void vmx_violation(struct vcpu *v, struct hvm_violation *out)
{
	u64 q = vmread(EXIT_QUALIFICATION);

	*out = (struct hvm_violation){
		.access = (q & EPT_VIOLATION_READ ? HV_PROT_READ : 0) |
			  (q & EPT_VIOLATION_WRITE ? HV_PROT_WRITE : 0) |
			  (q & EPT_VIOLATION_FETCH ? HV_PROT_EXEC : 0),
		.mapped = q & EPT_VIOLATION_ALLOWED,
		.walk = q & EPT_VIOLATION_LINEAR && !(q & EPT_VIOLATION_FINAL),
	};
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

/* Entries that fail at once: VMLAUNCH of what was launched already; and without a current VMCS. */
void vmx_see_failures(struct vcpu *v, hvm_see_fn see)
{
	see("launched again", vmx_enter(v->gpr, false));
	vmclear(v->cb_hpa);
	see("no current VMCS", vmx_enter(v->gpr, true));
	v->launched = false;
}

void vmx_run(struct vcpu *v, struct hv_exit *x)
{
	int status = vmx_trip(v);

	if (status == VMX_SUCCEED)
		vmx_decode_exit(v, x);
	else
		vmx_decode_failure(x, (enum vmx_status)status);
}

/**
 * Go past the instruction that exited: GUEST_RIP becomes x->next_rip, or, when that is 0, x->rip
 * plus VM_EXIT_INSTRUCTION_LENGTH (27.2.5). Outside 64-bit mode EIP wraps at 4 GiB; CS has L set in
 * its access rights (SEG_L) only in 64-bit mode.
 *
 * Then the instruction is done, so blocking by STI or by MOV SS, which lasts for one instruction,
 * is over (24.4.2): clear their bits in GUEST_INTERRUPTIBILITY_STATE. Other blocking stays.
 */
void vmx_advance(struct vcpu *v, const struct hv_exit *x)
{
	u64 next = x->next_rip ?: x->rip + vmread(VM_EXIT_INSTRUCTION_LENGTH);
	u64 blocking = vmread(GUEST_INTERRUPTIBILITY_STATE);

	if ((x->rip ^ next) >> 32 && !(vmread(GUEST_CS_ACCESS_RIGHTS) & SEG_L))
		next = (u32)next;
	vmwrite(GUEST_RIP, next);
	if (blocking & (BLOCKING_BY_STI | BLOCKING_BY_MOV_SS))
		vmwrite(GUEST_INTERRUPTIBILITY_STATE,
			blocking & ~(BLOCKING_BY_STI | BLOCKING_BY_MOV_SS));
}
