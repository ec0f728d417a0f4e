/*
 * mutant: requeue-wrong-type
 * exercise: 2.12
 * track: amd
 * hint: changed
 * why: the type is taken from the wrong bits.
 */
static void svm_requeue_event(struct vcpu *v)
{
	u64 info = vmcb_of(v)->exitintinfo;
	u8 type = info >> EVENTINJ_TYPE_SHIFT & 7, vector = (u8)info;
	bool soft = type == HV_EVENT_SOFT ||
		    (type == HV_EVENT_EXCEPTION && (vector == 3 || vector == 4));

	v->reinject = (struct hv_event){
		.valid = !soft, .type = type & 4, .vector = vector,
		.has_error = info & EVENTINJ_EV, .error = (u32)(info >> 32),
	};
}
