/*
 * mutant: encode-by-hand
 * exercise: 3.1
 * track: intel
 * hint: page-size
 * why: PS is never set.
 */
u64 ept_encode(struct pte p, unsigned int level)
{
	u64 e = p.hpa.v | p.prot;

	if (!p.prot)
		return 0;
	if (!p.leaf)
		return e;
	e |= p.type == MEMTYPE_WB ? EPT_WB : p.type == MEMTYPE_WT ? EPT_WT : EPT_UC;
	if (p.accessed)
		e |= EPT_A;
	if (p.dirty)
		e |= EPT_D;
	return e;
}
