/*
 * mutant: nrip-by-value
 * exercise: 2.1
 * track: amd
 * hint: no-nrip
 * why: the field is there on every CPU, but filled in only on some.
 */
static void svm_advance(struct vcpu *v, const struct hv_exit *x)
{
	struct vmcb *c = vmcb_of(v);
	u64 next = x->next_rip;

	if (next == 0)
		next = c->nrip;
	c->rip = next;
	c->interrupt_shadow &= ~INTERRUPT_SHADOW;
}
