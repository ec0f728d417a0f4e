/*
 * mutant: io-in-by-bit-one
 * exercise: 2.2
 * track: amd
 * hint: direction
 * why: the direction is looked for in bit 1, which is reserved.
 */
__maybe_unused static void svm_decode_io(const struct vmcb *c, struct hv_exit *x)
{
	u64 info = c->exitinfo1;

	x->io.size = info >> 4 & 7;
	x->io.port = IOIO_PORT(info);
	x->io.in = info >> 1 & 1;
	x->io.string = info >> 2 & 1;
	x->io.rep = info >> 3 & 1;
	if (!x->io.in)
		x->io.data = (u32)c->rax;
	x->value = x->io.port;
	x->next_rip = c->exitinfo2;
}
