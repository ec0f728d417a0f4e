/*
 * mutant: advance-long-mode
 * exercise: 2.1
 * track: intel
 * hint: wrap
 * why: in compatibility mode EFER.LMA is set as well, and EIP has 32 bits.
 */
void vmx_advance(struct vcpu *v, const struct hv_exit *x)
{
	u64 mask = vmread(GUEST_IA32_EFER) & EFER_LMA ? ~0ull : 0xffffffffull;
	u64 length = vmread(VM_EXIT_INSTRUCTION_LENGTH);
	u64 blocking = vmread(GUEST_INTERRUPTIBILITY_STATE);

	vmwrite(GUEST_RIP, (x->next_rip ? x->next_rip : x->rip + length) & mask);
	vmwrite(GUEST_INTERRUPTIBILITY_STATE,
		blocking & ~(u64)(BLOCKING_BY_STI | BLOCKING_BY_MOV_SS));
}
