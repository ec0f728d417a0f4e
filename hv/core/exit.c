/*
 * The exit switch: the one place where an exit's reason decides what happens. What needs privilege
 * is done here; the rest goes out to the VM loop.
 */
#include "core/vcpu.h"
#include "hvm/hvm.h"
#include "core/fpu.h"
#include "core/milestone.h"
#include "mm/guest_fetch.h"
#include "mm/p2m_lazy.h"
#include "x86/insn.h"
#include "x86/regs.h"

void vcpu_raise(struct vcpu *v, u8 vector)
{
	v->exception = (struct hv_event){
		.valid = true, .type = HV_EVENT_EXCEPTION, .vector = vector,
		.has_error = vector == EXC_GP,
	};
}

/* The register of a MOV to a control register, from the instruction. @return is it one? */
static bool fetch_mov_cr(struct vcpu *v, struct hv_exit *x)
{
	struct insn insn;

	if (guest_fetch(v, &insn) || insn.op != INSN_MOV_CR ||
	    insn.operand[0].kind != INSN_CR)
		return false;
	x->cr.gpr = insn.operand[1].reg;
	x->next_rip = x->rip + insn.length;
	return true;
}

/* MOV to and from CR8. Where the hardware does not tell the register, the instruction does. */
static bool cr8_access(struct vcpu *v, struct hv_exit *x)
{
	if (x->cr.gpr >= HV_GPRS && !fetch_mov_cr(v, x))
		return false;
	if (!x->cr.write)
		hvm_gpr_write(v, x->cr.gpr, v->vm->ops->get(v, HVM_CR8));
	else if (hvm_gpr_read(v, x->cr.gpr) > 15)
		vcpu_raise(v, EXC_GP);
	else
		v->vm->ops->set(v, HVM_CR8, hvm_gpr_read(v, x->cr.gpr));
	return true;
}

static bool cr_access(struct vcpu *v, struct hv_exit *x)
{
	if (x->cr.cr == 8)
		return cr8_access(v, x);
	if (v->vm->ops->cr_access(v, x))
		vcpu_raise(v, EXC_GP);
	return true;
}

static void xsetbv_access(struct vcpu *v)
{
	u64 value = v->gpr[HV_RDX] << 32 | (u32)v->gpr[HV_RAX];

	if ((u32)v->gpr[HV_RCX] || !fpu_xcr0_ok(value))
		vcpu_raise(v, EXC_GP);
	else
		xsetbv(0, value);
}

/* The instruction is done, unless it raised an exception: then RIP stays at it. */
static bool done(struct vcpu *v, const struct hv_exit *x)
{
	if (__builtin_expect(!v->exception.valid, true))
		v->vm->ops->advance(v, x);
	return true;
}

bool exit_is_ours(const struct hv_exit *x)
{
	if (x->reason == HV_EXIT_HOST_IRQ)
		irq_window();
	return x->reason == HV_EXIT_HOST_IRQ || x->reason == HV_EXIT_HOST_NMI ||
	       x->reason == HV_EXIT_PREEMPT;
}

/* Told once: who still waits asks again. @return whether the outside is who waited */
static bool window_opened(struct vcpu *v)
{
	bool awaited = v->awaited;

	v->vm->ops->window(v, HV_EVENT_INTR, false);
	v->awaited = false;
	return awaited;
}

/*
 * The guest has become ready for what somebody waits with, but the host's own event came first. No
 * need to enter once more for the window's exit; and Bochs 2.7's SVM would forget about it.
 */
static bool window_is_open(struct vcpu *v, struct hv_exit *x)
{
	const struct hvm_ops *ops = v->vm->ops;

	if (!v->awaited || event_waiting(v) || !ops->ready(v, HV_EVENT_INTR))
		return false;
	x->reason = HV_EXIT_IRQ_WINDOW;
	return window_opened(v);
}

/* Lazy memory may have the translation now. */
static __noinline bool lazy_memory(struct vcpu *v, struct hv_exit *x)
{
	struct hvm_violation why;

	v->vm->ops->violation(v, &why);
	return p2m_violation(v, x, &why);
}

/* There was no translation, or not for this access. */
static bool memory_exit(struct vcpu *v, struct hv_exit *x)
{
	if (milestone_violations)
		milestone_violation(v, x);
	return v->vm->paged && lazy_memory(v, x);
}

/* The less frequent half of the switch. */
static __noinline bool handle_rare(struct vcpu *v, struct hv_exit *x)
{
	switch (x->reason) {
	case HV_EXIT_CR:
		return cr_access(v, x) && done(v, x);
	case HV_EXIT_XSETBV:
		xsetbv_access(v);
		return done(v, x);
	case HV_EXIT_WBINVD:
		return done(v, x);	/* the caches are coherent; nothing needs writing back */
	case HV_EXIT_INSN:
		vcpu_raise(v, (u8)x->value);
		return true;
	case HV_EXIT_EXCEPTION:
		vcpu_raise(v, x->exception.vector);
		v->exception.has_error = x->exception.has_error;
		v->exception.error = x->exception.error;
		return true;
	case HV_EXIT_NMI_WINDOW:
		v->vm->ops->window(v, HV_EVENT_NMI, false);
		return true;
	case HV_EXIT_HLT:
		return vcpu_halt(v, x);
	default:
		return false;	/* SHUTDOWN, REFUSED, ...: the outside decides */
	}
}

bool exit_handle(struct vcpu *v, struct hv_exit *x)
{
	switch (x->reason) {
	case HV_EXIT_CPUID:
		cpuid_filter(v);
		return done(v, x);
	case HV_EXIT_RDMSR:
	case HV_EXIT_WRMSR:
		return !msr_exit(v, x) || done(v, x);
	case HV_EXIT_HYPERCALL:
		v->vm->ops->advance(v, x);
		hypercall_dispatch(v);
		return true;
	case HV_EXIT_IO:
		if (x->io.string)
			return false;	/* the outside says that it can't, for now */
		v->vm->ops->advance(v, x);
		v->in_size = x->io.in ? x->io.size : 0;
		return false;
	case HV_EXIT_MEMORY:
		return memory_exit(v, x);
	case HV_EXIT_HOST_IRQ:
	case HV_EXIT_HOST_NMI:
	case HV_EXIT_PREEMPT:
		return exit_is_ours(x) && !window_is_open(v, x);
	case HV_EXIT_IRQ_WINDOW:
		return !window_opened(v);
	default:
		return handle_rare(v, x);
	}
}
