/*
 * mutant: io-out
 * exercise: 2.2
 * track: intel
 * hint: direction
 * why: bit 3 is read as if it were set for OUT.
 */
__maybe_unused static void vmx_decode_io(const struct vcpu *v, struct hv_exit *x)
{
	u64 info = vmread(EXIT_QUALIFICATION);
	bool out = (info & 8) != 0;

	x->io.port = (u16)(info >> 16 & 0xffff);
	x->io.size = (u8)((info & 7) + 1);
	x->io.in = !out;
	x->io.string = (info & 16) != 0;
	x->io.rep = (info & 32) != 0;
	x->io.data = (u32)v->gpr[HV_RAX];
	x->value = x->io.port;
}
