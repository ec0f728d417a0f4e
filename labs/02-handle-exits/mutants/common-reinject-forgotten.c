/*
 * mutant: reinject-forgotten
 * exercise: 2.9
 * track: common
 * hint: order
 * why: Only exceptions and queued events are thought of.
 */
void event_select(struct vcpu *v)
{
	const struct hvm_ops *ops = v->vm->ops;

	if (v->exception.valid) {
		ops->inject(v, &v->exception);
		v->exception.valid = false;
	} else if (v->queued.valid && ops->ready(v, v->queued.type)) {
		ops->inject(v, &v->queued);
		v->queued.valid = false;
	} else if (v->reinject.valid) {
		ops->inject(v, &v->reinject);
		v->reinject.valid = false;
	}
	if (v->queued.valid)
		ops->window(v, v->queued.type, true);
}
