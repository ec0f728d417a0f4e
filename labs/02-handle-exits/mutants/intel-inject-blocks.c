/*
 * mutant: inject-blocks
 * exercise: 2.7
 * track: intel
 * hint: nmi
 * why: the blocking that the delivery brings is set before it.
 */
void vmx_inject(struct vcpu *v, const struct hv_event *e)
{
	u64 blocking = vmread(GUEST_INTERRUPTIBILITY_STATE);
	u32 info = EVENT_VALID | e->vector | (u32)e->type << EVENT_TYPE_SHIFT;

	if (e->has_error && vmread(GUEST_CR0) & CR0_PE)
		info |= EVENT_ERROR_CODE;
	if (info & EVENT_ERROR_CODE)
		vmwrite(VM_ENTRY_EXCEPTION_ERROR_CODE, e->error);
	vmwrite(VM_ENTRY_INSTRUCTION_LENGTH, e->insn_len);
	vmwrite(VM_ENTRY_INTERRUPTION_INFO, info);
	if (e->type == HV_EVENT_NMI)
		vmwrite(GUEST_INTERRUPTIBILITY_STATE, blocking | BLOCKING_BY_NMI);
}
