/*
 * mutant: io-shift
 * exercise: 2.2
 * track: intel
 * hint: size
 * why: the field is taken for a power of two.
 */
__maybe_unused static void vmx_decode_io(const struct vcpu *v, struct hv_exit *x)
{
	u32 info = (u32)vmread(EXIT_QUALIFICATION);

	x->io.port = (u16)(info >> 16);
	x->io.size = (u8)(1u << (info & 7));
	x->io.in = info >> 3 & 1;
	x->io.string = info >> 4 & 1;
	x->io.rep = info >> 5 & 1;
	x->io.data = (u32)v->gpr[HV_RAX];
	x->value = info >> 16;
}
