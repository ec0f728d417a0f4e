/*
 * break: amd-if-ignored
 * func: hv/hvm/svm.c:svm_ready
 * track: amd
 * why: An interrupt goes in although RFLAGS.IF is clear.
 */
static bool svm_ready(struct vcpu *v, enum hv_event_type type)
{
	const struct vmcb *c = vmcb_of(v);

	if (c->interrupt_shadow & INTERRUPT_SHADOW)
		return false;
	return type != HV_EVENT_NMI || !(c->intercept_misc1 & INTERCEPT_IRET);
}
