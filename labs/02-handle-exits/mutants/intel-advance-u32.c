/*
 * mutant: advance-u32
 * exercise: 2.1
 * track: intel
 * hint: truncated
 * why: RIP went through a variable of 32 bits.
 */
void vmx_advance(struct vcpu *v, const struct hv_exit *x)
{
	u32 rip = (u32)x->rip;
	u32 blocking = (u32)vmread(GUEST_INTERRUPTIBILITY_STATE);

	rip += (u32)vmread(VM_EXIT_INSTRUCTION_LENGTH);
	vmwrite(GUEST_RIP, rip);
	if (blocking & 3)
		vmwrite(GUEST_INTERRUPTIBILITY_STATE, blocking & ~3u);
}
