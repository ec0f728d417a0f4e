/*
 * mutant: io-data-for-in
 * exercise: 2.2
 * track: amd
 * hint: data
 * why: RAX is only looked at where it does not count.
 */
__maybe_unused static void svm_decode_io(const struct vmcb *c, struct hv_exit *x)
{
	u64 info = c->exitinfo1;

	x->io.port = IOIO_PORT(info);
	x->io.size = IOIO_SIZE(info);
	x->io.in = info & IOIO_IN;
	x->io.string = info & IOIO_STR;
	x->io.rep = info & IOIO_REP;
	x->io.data = x->io.in ? (u32)c->rax : 0;
	x->value = x->io.port;
	x->next_rip = c->exitinfo2;
}
