/*
 * mutant: io-rep
 * exercise: 2.2
 * track: intel
 * hint: string
 * why: only what has a REP prefix is taken for a string.
 */
__maybe_unused static void vmx_decode_io(const struct vcpu *v, struct hv_exit *x)
{
	u64 info = vmread(EXIT_QUALIFICATION);

	x->io.port = (u16)(info >> 16);
	x->io.size = (u8)((info & 7) + 1);
	x->io.in = info & BIT(3);
	x->io.rep = info & BIT(5);
	x->io.string = x->io.rep;
	x->io.data = (u32)v->gpr[HV_RAX];
	x->value = x->io.port;
}
