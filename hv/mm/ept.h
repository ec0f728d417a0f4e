/* Entry format of Intel's extended page tables (SDM vol. 3, 28.3.2). */
#ifndef MM_EPT_H
#define MM_EPT_H

#include "api.h"
#include "mm/pte.h"

#define EPT_R		BIT(0)	/* readable */
#define EPT_W		BIT(1)	/* writable */
#define EPT_X		BIT(2)	/* executable */
#define EPT_TYPE	(7ull << 3)	/* memory type of a page, numbered as in MTRRs (28.3.7.2) */
#define EPT_UC		(0ull << 3)	/* uncacheable */
#define EPT_WT		(4ull << 3)	/* write-through */
#define EPT_WB		(6ull << 3)	/* write-back */
#define EPT_PS		BIT(7)	/* a page, where there could be a table */
#define EPT_A		BIT(8)	/* accessed; this and the next only if the EPTP says so (28.3.5) */
#define EPT_D		BIT(9)	/* dirty */
#define EPT_ADDR	0x000ffffffffff000ull

/**
 * An entry at `level` (1: 4 KiB, 2: 2 MiB, 3: 1 GiB pages): maps a page of write-back memory that
 * nobody has used yet, or points to a table.
 */
static inline u64 ept_entry(hpa_t pa, unsigned int level, bool leaf, u32 prot)
{
	u64 e = pa.v & EPT_ADDR;

	if (!leaf)
		return e | EPT_R | EPT_W | EPT_X;
	e |= EPT_WB;
	if (level > 1)
		e |= EPT_PS;
	if (prot & HV_PROT_READ)
		e |= EPT_R;
	if (prot & HV_PROT_WRITE)
		e |= EPT_W;
	if (prot & HV_PROT_EXEC)
		e |= EPT_X;
	return e;
}

/** The bits of an entry, and back: see ept.c. */
u64 ept_encode(struct pte p, unsigned int level);
struct pte ept_decode(u64 e, unsigned int level);

#endif
