/*
 * mutant: io-host-rax
 * exercise: 2.2
 * track: intel
 * hint: data
 * why: RAX is the host's since the exit; the guest's is in v->gpr.
 */
__maybe_unused static void vmx_decode_io(const struct vcpu *v, struct hv_exit *x)
{
	u64 info = vmread(EXIT_QUALIFICATION);
	u32 eax;

	x->io.port = (u16)(info >> 16);
	x->io.size = (u8)((info & 7) + 1);
	x->io.in = info & BIT(3);
	x->io.string = info & BIT(4);
	x->io.rep = info & BIT(5);
	asm volatile("mov %%eax, %0" : "=r"(eax));
	x->io.data = eax;
	x->value = x->io.port;
}
