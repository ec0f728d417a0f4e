/*
 * mutant: inject-error-lost
 * exercise: 2.7
 * track: amd
 * hint: error
 * why: bit 11 announces an error code, and it is 0.
 */
static void svm_inject(struct vcpu *v, const struct hv_event *e)
{
	struct vmcb *c = vmcb_of(v);
	u32 low = EVENTINJ_VALID | (u32)e->type << EVENTINJ_TYPE_SHIFT | e->vector;

	if (e->has_error)
		low |= EVENTINJ_EV;
	c->eventinj = low;
	c->intercept_misc1 |= e->type == HV_EVENT_NMI ? INTERCEPT_IRET : 0;
}
