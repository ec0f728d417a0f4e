/* See ept.h. */
#include "mm/ept.h"

#include "lib/lab.h"

/**
 * The bits of an entry at `level`, 1 to 4; 0 for one that is not present (p.prot is 0). Of a page:
 * its address, its rights, its memory type in EPT_TYPE, A and D as they are, and PS where a table
 * could be instead. Of a table: its address, and all rights, as those of a page are the ones that
 * all levels agree on; its memory type bits are reserved. ept_entry() does a part of this.
 */
u64 ept_encode(struct pte p, unsigned int level)
{
	static const u64 type[] = { [MEMTYPE_WB] = EPT_WB, [MEMTYPE_WT] = EPT_WT,
				    [MEMTYPE_UC] = EPT_UC };
	u64 e;

	if (!p.prot)
		return 0;
	e = ept_entry(p.hpa, level, p.leaf, p.prot) | (p.accessed ? EPT_A : 0) |
	    (p.dirty ? EPT_D : 0);
	return p.leaf ? (e & ~EPT_TYPE) | type[p.type] : e;
}

/**
 * What the bits of an entry at `level` say, whoever wrote them. An entry that allows nothing, with
 * R, W and X clear, is not present: all zero. It maps a page at level 1, and at levels 2 and 3 if
 * EPT_PS is set; at level 4 that bit is reserved. An address ends where the page's size says: below
 * there may be bits that mean nothing. Of the memory types, what is neither WB nor WT is UC for us;
 * a table has none, and counts as WB.
 */
struct pte ept_decode(u64 e, unsigned int level)
{
	bool leaf = level == 1 || (level < 4 && e & EPT_PS);
	u64 type = leaf ? e & EPT_TYPE : EPT_WB;

	if (!(e & (EPT_R | EPT_W | EPT_X)))
		return (struct pte){ .prot = 0 };
	return (struct pte){
		.hpa = hpa(e & EPT_ADDR & ~(leaf ? pte_span(level) - 1 : 0)),
		.prot = (e & EPT_R ? HV_PROT_READ : 0) | (e & EPT_W ? HV_PROT_WRITE : 0) |
			(e & EPT_X ? HV_PROT_EXEC : 0),
		.leaf = leaf,
		.type = type == EPT_WB ? MEMTYPE_WB : type == EPT_WT ? MEMTYPE_WT : MEMTYPE_UC,
		.accessed = e & EPT_A,
		.dirty = e & EPT_D,
	};
}
