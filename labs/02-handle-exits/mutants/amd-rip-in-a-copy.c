/*
 * mutant: rip-in-a-copy
 * exercise: 2.1
 * track: amd
 * hint: stays
 * why: the sum is right, and never gets into the VMCB.
 */
static void svm_advance(struct vcpu *v, const struct hv_exit *x)
{
	struct vmcb *c = vmcb_of(v);
	u64 rip = c->rip;

	if (x->next_rip)
		rip = x->next_rip;
	else if (hvm_caps.next_rip)
		rip = c->nrip;
	else
		rip += x->reason == HV_EXIT_HLT ? 1 : x->reason == HV_EXIT_HYPERCALL ? 3 : 2;
	c->rip = v->bare ? rip : x->rip;
	c->interrupt_shadow = 0;
}
