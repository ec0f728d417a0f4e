/*
 * Which event goes into the guest next. In order: one whose delivery an exit cut short; an
 * exception of the instruction that just exited; what was queued from outside, as soon as the guest
 * can take it. One entry takes one event; a window brings us back for the next.
 */
#include "core/vcpu.h"
#include "hvm/hvm.h"

void event_deliver(struct vcpu *v)
{
	const struct hvm_ops *ops = v->vm->ops;
	struct hv_event *first = v->reinject.valid ? &v->reinject :
				 v->exception.valid ? &v->exception : NULL;

	if (first) {
		ops->inject(v, first);
		first->valid = false;
	} else if (ops->ready(v, v->queued.type)) {
		ops->inject(v, &v->queued);
		v->queued.valid = false;
	}
	if (v->queued.valid)
		ops->window(v, v->queued.type, true);
}
