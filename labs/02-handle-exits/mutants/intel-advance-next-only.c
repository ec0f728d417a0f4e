/*
 * mutant: advance-next-only
 * exercise: 2.1
 * track: intel
 * hint: stuck
 * why: x->next_rip is 0 unless somebody has filled it in; then RIP stays where it is.
 */
void vmx_advance(struct vcpu *v, const struct hv_exit *x)
{
	u64 state = vmread(GUEST_INTERRUPTIBILITY_STATE);

	if (x->next_rip)
		vmwrite(GUEST_RIP, x->next_rip);
	state &= ~BLOCKING_BY_STI;
	state &= ~BLOCKING_BY_MOV_SS;
	vmwrite(GUEST_INTERRUPTIBILITY_STATE, state);
}
