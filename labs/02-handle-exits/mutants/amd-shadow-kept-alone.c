/*
 * mutant: shadow-kept-alone
 * exercise: 2.1
 * track: amd
 * hint: shadow
 * why: it clears all but the bit that it should clear.
 */
static void svm_advance(struct vcpu *v, const struct hv_exit *x)
{
	struct vmcb *c = vmcb_of(v);
	static const u8 lengths[HV_EXIT_REASONS] = {
		[HV_EXIT_HLT] = 1, [HV_EXIT_HYPERCALL] = 3, [HV_EXIT_XSETBV] = 3,
	};

	c->rip = x->next_rip ?: hvm_caps.next_rip ? c->nrip : c->rip + (lengths[x->reason] ?: 2);
	c->interrupt_shadow &= INTERRUPT_SHADOW;
}
