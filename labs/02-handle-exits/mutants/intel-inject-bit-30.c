/*
 * mutant: inject-bit-30
 * exercise: 2.7
 * track: intel
 * hint: invalid
 * why: the valid bit is one too low.
 */
void vmx_inject(struct vcpu *v, const struct hv_event *e)
{
	bool error = e->has_error && vmread(GUEST_CR0) & CR0_PE;
	u64 blocking = vmread(GUEST_INTERRUPTIBILITY_STATE);

	vmwrite(VM_ENTRY_INTERRUPTION_INFO,
		1u << 30 | (error ? 1u << 11 : 0) | (u32)e->type << 8 | e->vector);
	vmwrite(VM_ENTRY_EXCEPTION_ERROR_CODE, e->error);
	vmwrite(VM_ENTRY_INSTRUCTION_LENGTH, e->insn_len);
	if (e->type == HV_EVENT_NMI)
		vmwrite(GUEST_INTERRUPTIBILITY_STATE, blocking & ~BLOCKING_BY_NMI);
}
