/*
 * mutant: inject-iret-always
 * exercise: 2.7
 * track: amd
 * hint: iret
 * why: every event blocks NMIs, until some IRET.
 */
static void svm_inject(struct vcpu *v, const struct hv_event *e)
{
	struct vmcb *c = vmcb_of(v);

	c->intercept_misc1 |= INTERCEPT_IRET;
	c->eventinj = e->vector | (u64)e->type << EVENTINJ_TYPE_SHIFT | EVENTINJ_VALID |
		      (e->has_error ? EVENTINJ_EV | (u64)e->error << 32 : 0);
}
