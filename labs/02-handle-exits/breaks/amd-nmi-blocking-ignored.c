/*
 * break: amd-nmi-blocking-ignored
 * func: hv/hvm/svm.c:svm_ready
 * track: amd
 * why: An NMI goes in while the handler of the one before still runs.
 */
static bool svm_ready(struct vcpu *v, enum hv_event_type type)
{
	const struct vmcb *c = vmcb_of(v);

	if (c->interrupt_shadow & INTERRUPT_SHADOW)
		return false;
	return type == HV_EVENT_NMI || c->rflags & RFLAGS_IF;
}
