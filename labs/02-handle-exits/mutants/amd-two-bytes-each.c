/*
 * mutant: two-bytes-each
 * exercise: 2.1
 * track: amd
 * hint: length
 * why: all instructions are taken to have two bytes.
 */
static void svm_advance(struct vcpu *v, const struct hv_exit *x)
{
	struct vmcb *c = vmcb_of(v);

	c->interrupt_shadow = 0;
	if (x->next_rip) {
		c->rip = x->next_rip;
		return;
	}
	c->rip = hvm_caps.next_rip ? c->nrip : c->rip + 2;
}
