/*
 * break: amd-always-ready
 * func: hv/hvm/svm.c:svm_ready
 * track: amd
 * why: An event goes in whatever the guest thinks of it.
 */
static bool svm_ready(struct vcpu *v, enum hv_event_type type)
{
	return true;
}
