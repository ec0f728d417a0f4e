/*
 * mutant: io-next-counted
 * exercise: 2.2
 * track: amd
 * hint: next
 * why: IN and OUT are taken to have one byte, as they have without prefix and immediate.
 */
__maybe_unused static void svm_decode_io(const struct vmcb *c, struct hv_exit *x)
{
	u64 info = c->exitinfo1;

	x->io.port = IOIO_PORT(info);
	x->io.size = IOIO_SIZE(info);
	x->io.in = info & IOIO_IN;
	x->io.string = info & IOIO_STR;
	x->io.rep = info & IOIO_REP;
	x->io.data = (u32)c->rax;
	x->value = x->io.port;
	x->next_rip = c->rip + 1;
}
