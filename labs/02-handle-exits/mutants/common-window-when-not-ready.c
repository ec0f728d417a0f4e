/*
 * mutant: window-when-not-ready
 * exercise: 2.9
 * track: common
 * hint: window
 * why: Behind another event no window is asked for.
 */
void event_select(struct vcpu *v)
{
	const struct hvm_ops *ops = v->vm->ops;

	if (v->reinject.valid) {
		ops->inject(v, &v->reinject);
		v->reinject.valid = false;
		return;
	}
	if (v->exception.valid) {
		ops->inject(v, &v->exception);
		v->exception.valid = false;
		return;
	}
	if (!ops->ready(v, v->queued.type)) {
		ops->window(v, v->queued.type, true);
		return;
	}
	ops->inject(v, &v->queued);
	v->queued.valid = false;
}
