/* See hypercall.h. */
#include "hypercall.h"

#include "core/thread.h"
#include "core/vcpu.h"
#include "hvm/hvm.h"

#define INTERFACE_VERSION 1

static s64 queue(struct vcpu *v, enum hv_event_type type, u64 vector)
{
	if (type == HV_EVENT_INTR && (vector < 32 || vector > 255))
		return -EINVAL;
	if (v->queued.valid)
		return -EAGAIN;
	v->queued = (struct hv_event){ .valid = true, .type = type, .vector = (u8)vector };
	return 0;
}

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
	default:
		result = -ENOSYS;
	}
	v->gpr[HV_RAX] = (u64)result;
}
