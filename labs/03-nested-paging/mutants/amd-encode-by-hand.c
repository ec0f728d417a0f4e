/*
 * mutant: encode-by-hand
 * exercise: 3.1
 * track: amd
 * hint: page-size
 * why: PS is set at every level.
 */
u64 npt_encode(struct pte p, unsigned int level)
{
	u64 e = p.hpa.v | NPT_P | NPT_U;

	if (!p.prot)
		return 0;
	if (!p.leaf)
		return e | NPT_W;
	e |= NPT_PS;
	if (p.prot & HV_PROT_WRITE)
		e |= NPT_W;
	if (!(p.prot & HV_PROT_EXEC))
		e |= NPT_NX;
	if (p.type != MEMTYPE_WB)
		e |= p.type == MEMTYPE_UC ? NPT_PCD | NPT_PWT : NPT_PWT;
	if (p.accessed)
		e |= NPT_A;
	if (p.dirty)
		e |= NPT_D;
	return e;
}
