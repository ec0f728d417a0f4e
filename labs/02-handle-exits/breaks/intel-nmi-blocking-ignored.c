/*
 * break: intel-nmi-blocking-ignored
 * func: hv/hvm/vmx_event.c:vmx_ready
 * track: intel
 * why: An NMI goes in while the handler of the one before still runs.
 */
bool vmx_ready(struct vcpu *v, enum hv_event_type type)
{
	u64 blocking = vmread(GUEST_INTERRUPTIBILITY_STATE);

	if (blocking & (BLOCKING_BY_STI | BLOCKING_BY_MOV_SS))
		return false;
	return type == HV_EVENT_NMI || vmread(GUEST_RFLAGS) & RFLAGS_IF;
}
