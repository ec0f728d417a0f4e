/*
 * mutant: inject-valid-elsewhere
 * exercise: 2.7
 * track: amd
 * hint: valid
 * why: the valid bit is put where EVENTINJ has none.
 */
static void svm_inject(struct vcpu *v, const struct hv_event *e)
{
	u64 info = 1ull << 30;

	info |= e->vector;
	info |= (u64)e->type << 8;
	if (e->has_error)
		info |= 1ull << 11 | (u64)e->error << 32;
	vmcb_of(v)->eventinj = info;
	if (e->type == HV_EVENT_NMI)
		vmcb_of(v)->intercept_misc1 |= INTERCEPT_IRET;
}
