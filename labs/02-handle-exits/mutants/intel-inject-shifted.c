/*
 * mutant: inject-shifted
 * exercise: 2.7
 * track: intel
 * hint: layout
 * why: the type is a bit too high.
 */
void vmx_inject(struct vcpu *v, const struct hv_event *e)
{
	u64 info = EVENT_VALID;

	info += e->vector;
	info += (u64)e->type << 9;
	if (e->has_error && vmread(GUEST_CR0) & CR0_PE) {
		info += EVENT_ERROR_CODE;
		vmwrite(VM_ENTRY_EXCEPTION_ERROR_CODE, e->error);
	}
	vmwrite(VM_ENTRY_INTERRUPTION_INFO, info);
	vmwrite(VM_ENTRY_INSTRUCTION_LENGTH, e->insn_len);
	if (e->type == HV_EVENT_NMI)
		vmwrite(GUEST_INTERRUPTIBILITY_STATE,
			vmread(GUEST_INTERRUPTIBILITY_STATE) & ~BLOCKING_BY_NMI);
}
