/*
 * mutant: io-dx
 * exercise: 2.2
 * track: intel
 * hint: port
 * why: the port is taken from DX, where half of the forms don't have it.
 */
__maybe_unused static void vmx_decode_io(const struct vcpu *v, struct hv_exit *x)
{
	u64 info = vmread(EXIT_QUALIFICATION);

	x->io.port = (u16)v->gpr[HV_RDX];
	x->io.size = (u8)(info & 7) + 1;
	x->io.in = !!(info & BIT(3));
	x->io.string = !!(info & BIT(4));
	x->io.rep = !!(info & BIT(5));
	x->io.data = (u32)v->gpr[HV_RAX];
	x->value = (u16)v->gpr[HV_RDX];
}
