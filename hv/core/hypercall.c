/* See hypercall.h. */
#include "hypercall.h"

#include "core/thread.h"
#include "core/vcpu.h"
#include "hvm/hvm.h"
#include "lib/lab.h"
#include "x86/insn.h"
#include "x86/regs.h"

#define INTERFACE_VERSION 1

/*
 * Queue an event for the guest itself; an NMI's vector is EXC_NMI.
 * @return -EINVAL: no such vector; -EAGAIN: one is queued
 */
__maybe_unused static s64 queue(struct vcpu *v, enum hv_event_type type, u64 vector)
{
	if (type == HV_EVENT_INTR && (vector < 32 || vector > 255))
		return -EINVAL;
	if (v->queued.valid)
		return -EAGAIN;
	v->queued = (struct hv_event){ .valid = true, .type = type, .vector = (u8)vector };
	return 0;
}

#define TIMER_MAX BIT(62)

__maybe_unused static s64 set_timer(struct vcpu *v, u64 ticks)
{
	if (ticks > TIMER_MAX)
		return -EINVAL;
	v->timer = ticks ? rdtsc() + ticks : 0;
	v->timed = v->at_entry = true;
	v->look = 0;		/* the next look depends on it */
	return 0;
}

/**
 * A hypercall: RAX has its number, RDI and RSI its arguments; see hypercall.h for what each means.
 * RAX gets the result, all 64 bits: 0 or more, or a negated error number. Only the guest's kernel
 * (CPL 0) may: others get -EPERM. A number that does not exist gives -ENOSYS. The helpers above do
 * the work.
 */
void hypercall_dispatch(struct vcpu *v)
{
	s64 result;

	if (v->vm->ops->get(v, HVM_CPL)) {	/* not for the guest's own users */
		v->gpr[HV_RAX] = (u64)-EPERM;
		return;
	}
	switch (v->gpr[HV_RAX]) {
	case HYPERCALL_VERSION:
		result = INTERFACE_VERSION;
		break;
	case HYPERCALL_YIELD:
		thread_yield();
		result = 0;
		break;
	case HYPERCALL_INTERRUPT:
		result = queue(v, HV_EVENT_INTR, v->gpr[HV_RDI]);
		break;
	case HYPERCALL_NMI:
		result = queue(v, HV_EVENT_NMI, 2);
		break;
	case HYPERCALL_TIMER:
		result = set_timer(v, v->gpr[HV_RDI]);
		break;
	default:
		result = -ENOSYS;
	}
	v->gpr[HV_RAX] = (u64)result;
}
