/*
 * mutant: advance-half-shadow
 * exercise: 2.1
 * track: intel
 * hint: shadow
 * why: MOV SS blocks as STI does, with a bit of its own.
 */
void vmx_advance(struct vcpu *v, const struct hv_exit *x)
{
	bool is_64_bit = vmread(GUEST_CS_ACCESS_RIGHTS) & SEG_L;
	u64 to = x->next_rip;

	if (!to)
		to = x->rip + vmread(VM_EXIT_INSTRUCTION_LENGTH);
	vmwrite(GUEST_RIP, is_64_bit ? to : (u32)to);
	vmwrite(GUEST_INTERRUPTIBILITY_STATE,
		vmread(GUEST_INTERRUPTIBILITY_STATE) & ~BLOCKING_BY_STI);
}
