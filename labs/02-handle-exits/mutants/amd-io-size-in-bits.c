/*
 * mutant: io-size-in-bits
 * exercise: 2.2
 * track: amd
 * hint: size
 * why: the bits of the size are taken for an exponent.
 */
__maybe_unused static void svm_decode_io(const struct vmcb *c, struct hv_exit *x)
{
	u32 bits = (u32)c->exitinfo1;

	x->io.in = bits % 2;
	x->io.string = bits >> 2 & 1;
	x->io.rep = bits >> 3 & 1;
	x->io.size = (u8)(1u << (bits >> 4 & 7));
	x->value = x->io.port = (u16)(bits >> 16);
	x->io.data = (u32)c->rax;
	x->next_rip = c->exitinfo2;
}
