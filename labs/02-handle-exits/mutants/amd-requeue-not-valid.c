/*
 * mutant: requeue-not-valid
 * exercise: 2.12
 * track: amd
 * hint: lost
 * why: the event is kept, but not marked as valid.
 */
static void svm_requeue_event(struct vcpu *v)
{
	u64 info = vmcb_of(v)->exitintinfo;
	struct hv_event *e = &v->reinject;

	e->vector = (u8)info;
	e->type = info >> 8 & 7;
	e->has_error = info & EVENTINJ_EV;
	e->error = (u32)(info >> 32);
}
