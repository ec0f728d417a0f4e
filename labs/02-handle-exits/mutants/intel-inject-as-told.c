/*
 * mutant: inject-as-told
 * exercise: 2.7
 * track: intel
 * hint: real-mode
 * why: the event's word on the error code is taken, whatever mode the guest is in.
 */
void vmx_inject(struct vcpu *v, const struct hv_event *e)
{
	static const u32 has_error[] = { 0, EVENT_ERROR_CODE };

	switch (e->type) {
	case HV_EVENT_NMI:
		vmwrite(GUEST_INTERRUPTIBILITY_STATE,
			vmread(GUEST_INTERRUPTIBILITY_STATE) & ~BLOCKING_BY_NMI);
		break;
	case HV_EVENT_EXCEPTION:
		vmwrite(VM_ENTRY_EXCEPTION_ERROR_CODE, e->error);
		break;
	case HV_EVENT_SOFT:
		vmwrite(VM_ENTRY_INSTRUCTION_LENGTH, e->insn_len);
		break;
	}
	vmwrite(VM_ENTRY_INTERRUPTION_INFO,
		EVENT_VALID | (u32)e->type << 8 | has_error[e->has_error] | e->vector);
}
