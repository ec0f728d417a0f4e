/* See npt.h. */
#include "mm/npt.h"

#include "lib/lab.h"

/**
 * The bits of an entry at `level`, 1 to 4; 0 for one that is not present (p.prot is 0). Of a page:
 * its address, its rights, its memory type in PWT and PCD, A and D as they are, and PS where a
 * table could be instead. Of a table: its address, and all rights, as those of a page are the ones
 * that all levels agree on. npt_entry() does a part of this.
 */
u64 npt_encode(struct pte p, unsigned int level)
{
	static const u64 type[] = { [MEMTYPE_WB] = 0, [MEMTYPE_WT] = NPT_PWT,
				    [MEMTYPE_UC] = NPT_PCD | NPT_PWT };

	if (!p.prot)
		return 0;
	return npt_entry(p.hpa, level, p.leaf, p.prot) |
	       (p.leaf ? type[p.type] : 0) | (p.accessed ? NPT_A : 0) | (p.dirty ? NPT_D : 0);
}

/**
 * What the bits of an entry at `level` say, whoever wrote them. An entry without NPT_P is all zero.
 * It maps a page at level 1, and at levels 2 and 3 if NPT_PS is set; at level 4 that bit is
 * reserved. What is present can be read. An address ends where the page's size says: below, in a
 * large page, there is its PAT bit (bit 12), and others that mean nothing. PCD makes UC of it, PWT
 * alone WT.
 */
struct pte npt_decode(u64 e, unsigned int level)
{
	bool leaf = level == 1 || (level < 4 && e & NPT_PS);

	if (!(e & NPT_P))
		return (struct pte){ .prot = 0 };
	return (struct pte){
		.hpa = hpa(e & NPT_ADDR & ~(leaf ? pte_span(level) - 1 : 0)),
		.prot = HV_PROT_READ | (e & NPT_W ? HV_PROT_WRITE : 0) |
			(e & NPT_NX ? 0 : HV_PROT_EXEC),
		.leaf = leaf,
		.type = e & NPT_PCD ? MEMTYPE_UC : e & NPT_PWT ? MEMTYPE_WT : MEMTYPE_WB,
		.accessed = e & NPT_A,
		.dirty = e & NPT_D,
	};
}
