/*
 * mutant: inject-exit-length
 * exercise: 2.7
 * track: intel
 * hint: length
 * why: the length is that of the last exit's instruction.
 */
void vmx_inject(struct vcpu *v, const struct hv_event *e)
{
	u32 info = 1u << 31 | (u32)e->type << 8 | e->vector;

	if (vmread(GUEST_CR0) & CR0_PE && e->has_error) {
		vmwrite(VM_ENTRY_EXCEPTION_ERROR_CODE, e->error);
		info |= 1u << 11;
	}
	vmwrite(VM_ENTRY_INTERRUPTION_INFO, info);
	vmwrite(VM_ENTRY_INSTRUCTION_LENGTH, vmread(VM_EXIT_INSTRUCTION_LENGTH));
	if (e->type == HV_EVENT_NMI)
		vmwrite(GUEST_INTERRUPTIBILITY_STATE,
			vmread(GUEST_INTERRUPTIBILITY_STATE) & ~BLOCKING_BY_NMI);
}
