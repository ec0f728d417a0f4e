/*
 * break: intel-always-ready
 * func: hv/hvm/vmx_event.c:vmx_ready
 * track: intel
 * why: An event goes in whatever the guest thinks of it.
 */
bool vmx_ready(struct vcpu *v, enum hv_event_type type)
{
	return true;
}
