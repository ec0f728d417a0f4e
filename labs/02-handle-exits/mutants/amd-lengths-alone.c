/*
 * mutant: lengths-alone
 * exercise: 2.1
 * track: amd
 * hint: next-rip
 * why: a table of lengths is all there is, so prefixes count for nothing.
 */
static void svm_advance(struct vcpu *v, const struct hv_exit *x)
{
	struct vmcb *c = vmcb_of(v);
	u64 length;

	switch (x->reason) {
	case HV_EXIT_HLT:
		length = 1;
		break;
	case HV_EXIT_HYPERCALL:
	case HV_EXIT_XSETBV:
		length = 3;
		break;
	default:
		length = 2;
	}
	c->rip = x->next_rip && x->reason == HV_EXIT_IO ? x->next_rip : x->rip + length;
	c->interrupt_shadow = 0;
}
