/*
 * mutant: requeue-everything
 * exercise: 2.12
 * track: amd
 * hint: twice
 * why: whatever EXITINTINFO says goes in again.
 */
static void svm_requeue_event(struct vcpu *v)
{
	u64 info = vmcb_of(v)->exitintinfo;

	v->reinject = (struct hv_event){
		.valid = info & EVENTINJ_VALID,
		.type = info >> EVENTINJ_TYPE_SHIFT & 7,
		.vector = info & EVENTINJ_VECTOR,
		.has_error = info & EVENTINJ_EV,
		.error = (u32)(info >> 32),
	};
}
