/*
 * mutant: requeue-no-error-at-all
 * exercise: 2.12
 * track: amd
 * hint: changed
 * why: the event comes back without its error code.
 */
static void svm_requeue_event(struct vcpu *v)
{
	u64 info = vmcb_of(v)->exitintinfo;
	struct hv_event e = { .valid = true, .type = info >> 8 & 7, .vector = info & 0xff };

	if (e.type == HV_EVENT_SOFT)
		return;
	if (e.type == HV_EVENT_EXCEPTION && (e.vector == 3 || e.vector == 4))
		return;
	v->reinject = e;
}
