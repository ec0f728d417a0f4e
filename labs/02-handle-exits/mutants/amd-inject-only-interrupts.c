/*
 * mutant: inject-only-interrupts
 * exercise: 2.7
 * track: amd
 * hint: type
 * why: every event goes in as an external interrupt.
 */
static void svm_inject(struct vcpu *v, const struct hv_event *e)
{
	struct vmcb *c = vmcb_of(v);
	u64 error = e->has_error ? EVENTINJ_EV | (u64)e->error << 32 : 0;

	c->eventinj = EVENTINJ_VALID | error | e->vector;
	if (e->type == HV_EVENT_NMI)
		c->intercept_misc1 |= INTERCEPT_IRET;
}
