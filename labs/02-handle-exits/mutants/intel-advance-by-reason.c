/*
 * mutant: advance-by-reason
 * exercise: 2.1
 * track: intel
 * hint: length
 * why: a table of lengths, as for CPUs that don't tell; prefixes make instructions longer.
 */
void vmx_advance(struct vcpu *v, const struct hv_exit *x)
{
	u64 blocking = vmread(GUEST_INTERRUPTIBILITY_STATE), rip = x->rip;

	switch (x->reason) {
	case HV_EXIT_HLT:
		rip += 1;
		break;
	case HV_EXIT_XSETBV:
	case HV_EXIT_HYPERCALL:
	case HV_EXIT_CR:
		rip += 3;
		break;
	default:
		rip += 2;
	}
	if (!(vmread(GUEST_CS_ACCESS_RIGHTS) & SEG_L))
		rip &= 0xffffffff;
	vmwrite(GUEST_RIP, rip);
	vmwrite(GUEST_INTERRUPTIBILITY_STATE,
		blocking & ~(BLOCKING_BY_STI | BLOCKING_BY_MOV_SS));
}
