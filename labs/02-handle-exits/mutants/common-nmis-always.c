/*
 * mutant: nmis-always
 * exercise: 2.9
 * track: common
 * hint: blocked
 * why: NMIs are thought to be possible at any time.
 */
void event_select(struct vcpu *v)
{
	const struct hvm_ops *ops = v->vm->ops;
	struct hv_event *e = &v->queued;

	if (v->exception.valid)
		e = &v->exception;
	if (v->reinject.valid)
		e = &v->reinject;
	if (e != &v->queued || e->type == HV_EVENT_NMI || ops->ready(v, e->type)) {
		ops->inject(v, e);
		e->valid = false;
	}
	if (v->queued.valid)
		ops->window(v, v->queued.type, true);
}
