/*
 * mutant: io-port-in-low-half
 * exercise: 2.2
 * track: amd
 * hint: port
 * why: the port is looked for in the low half of EXITINFO1.
 */
__maybe_unused static void svm_decode_io(const struct vmcb *c, struct hv_exit *x)
{
	u64 info = c->exitinfo1;

	x->io.port = (u16)info;
	x->io.size = info & BIT(4) ? 1 : info & BIT(5) ? 2 : 4;
	x->io.in = info & IOIO_IN;
	x->io.string = info & IOIO_STR;
	x->io.rep = info & IOIO_REP;
	x->io.data = (u32)c->rax;
	x->value = x->io.port;
	x->next_rip = c->exitinfo2;
}
