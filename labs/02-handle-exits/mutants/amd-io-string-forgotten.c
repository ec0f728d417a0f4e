/*
 * mutant: io-string-forgotten
 * exercise: 2.2
 * track: amd
 * hint: string
 * why: INS and OUTS are not told apart from IN and OUT.
 */
__maybe_unused static void svm_decode_io(const struct vmcb *c, struct hv_exit *x)
{
	u64 info = c->exitinfo1;

	x->io.port = IOIO_PORT(info);
	x->io.size = IOIO_SIZE(info);
	x->io.in = info & IOIO_IN;
	x->io.string = false;
	x->io.rep = false;
	x->io.data = (u32)c->rax;
	x->value = x->io.port;
	x->next_rip = c->exitinfo2;
}
