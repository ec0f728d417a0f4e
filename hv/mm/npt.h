/* Entries of AMD's nested page tables: as in ordinary long-mode tables (APM vol. 2, 15.25). */
#ifndef MM_NPT_H
#define MM_NPT_H

#include "api.h"
#include "mm/pte.h"

#define NPT_P		BIT(0)	/* present */
#define NPT_W		BIT(1)	/* writable */
#define NPT_U		BIT(2)	/* user: every guest access counts as one (15.25.5) */
#define NPT_PWT		BIT(3)	/* these two choose one of the host's first four PAT entries, */
#define NPT_PCD		BIT(4)	/* which after a reset are WB, WT, UC-, UC (7.8.2, 15.25.8) */
#define NPT_A		BIT(5)	/* accessed */
#define NPT_D		BIT(6)	/* dirty */
#define NPT_PS		BIT(7)	/* a page, where there could be a table */
#define NPT_NX		BIT(63)	/* no execute */
#define NPT_ADDR	0x000ffffffffff000ull

/**
 * An entry at `level` (1: 4 KiB, 2: 2 MiB, 3: 1 GiB pages): maps a page of write-back memory that
 * nobody has used yet, or points to a table.
 */
static inline u64 npt_entry(hpa_t pa, unsigned int level, bool leaf, u32 prot)
{
	u64 e = (pa.v & NPT_ADDR) | NPT_P | NPT_U;

	if (!leaf)
		return e | NPT_W;
	if (level > 1)
		e |= NPT_PS;
	if (prot & HV_PROT_WRITE)
		e |= NPT_W;
	if (!(prot & HV_PROT_EXEC))
		e |= NPT_NX;
	return e;
}

/** The bits of an entry, and back: see npt.c. */
u64 npt_encode(struct pte p, unsigned int level);
struct pte npt_decode(u64 e, unsigned int level);

#endif
