/* Events: what goes into the guest next, and what a guest that halts waits for. */
#include "core/vcpu.h"
#include "hvm/hvm.h"
#include "lib/lab.h"
#include "x86/regs.h"

/**
 * Choose the event that the next entry delivers; event_waiting() said that there is one.
 *
 * One entry takes one event. In order: v->reinject, whose delivery an exit cut short; v->exception,
 * of the instruction that just exited; both are due now, whatever the guest thinks of interrupts.
 * v->queued, an interrupt or NMI from outside, only goes in if the guest is ready for it. What was
 * injected is no longer valid; when v->queued still waits at the end, ask for a window for its
 * type.
 */
void event_select(struct vcpu *v)
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

/**
 * HLT: go past it, and wait for what ends it (SDM vol. 2, HLT; APM vol. 3, HLT).
 *
 * An event in v->queued ends it if the guest is ready for it now, behind the HLT: then the guest
 * goes on at once, and the next entry delivers the event. If not, the timer may bring an interrupt,
 * when v->timer is not 0 and RFLAGS.IF is set: sleep until v->timer, vcpu_sleep(), and go on. (The
 * guest does not get there: vcpu_run() sees before the entry that the timer is due.)
 *
 * @return true: go on in the guest; false: nothing can end this HLT, the outside shall decide
 */
bool vcpu_halt(struct vcpu *v, const struct hv_exit *x)
{
	const struct hvm_ops *ops = v->vm->ops;

	ops->advance(v, x);
	if (v->queued.valid && ops->ready(v, v->queued.type))
		return true;
	if (!v->timer || !(ops->get(v, HVM_RFLAGS) & RFLAGS_IF))
		return false;
	vcpu_sleep(v, v->timer);
	return true;
}
