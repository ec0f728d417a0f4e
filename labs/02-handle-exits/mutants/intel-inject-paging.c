/*
 * mutant: inject-paging
 * exercise: 2.7
 * track: intel
 * hint: error-code
 * why: a guest without paging is taken for one in real mode.
 */
void vmx_inject(struct vcpu *v, const struct hv_event *e)
{
	u32 info = e->vector;

	info |= (u32)e->type << 8;
	if (e->has_error && vmread(GUEST_CR0) & CR0_PG)
		info |= 1u << 11;
	info |= 1u << 31;
	vmwrite(VM_ENTRY_EXCEPTION_ERROR_CODE, e->error);
	vmwrite(VM_ENTRY_INSTRUCTION_LENGTH, e->insn_len);
	if (e->type == HV_EVENT_NMI)
		vmwrite(GUEST_INTERRUPTIBILITY_STATE,
			vmread(GUEST_INTERRUPTIBILITY_STATE) & ~BLOCKING_BY_NMI);
	vmwrite(VM_ENTRY_INTERRUPTION_INFO, info);
}
