/*
 * break: intel-shadow-ignored
 * func: hv/hvm/vmx_event.c:vmx_ready
 * track: intel
 * why: An interrupt goes in right behind STI, before the next instruction is done.
 */
bool vmx_ready(struct vcpu *v, enum hv_event_type type)
{
	if (type == HV_EVENT_NMI)
		return !(vmread(GUEST_INTERRUPTIBILITY_STATE) & BLOCKING_BY_NMI);
	return vmread(GUEST_RFLAGS) & RFLAGS_IF;
}
