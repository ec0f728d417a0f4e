/**
 * @file pte.h
 * An entry of a second-level table in terms of neither vendor: what mm/npt.h and mm/ept.h make of
 * their bits. The walker (mm/p2m.c) sees entries only in this form.
 */
#ifndef MM_PTE_H
#define MM_PTE_H

#include "mm/types.h"

/** How the CPU caches a page, if the guest does not ask for less. */
enum memtype {
	MEMTYPE_WB,		/**< write-back: ordinary memory */
	MEMTYPE_WT,		/**< write-through */
	MEMTYPE_UC,		/**< not cached: device registers */
};

/** An entry. All zero is one that is not present. */
struct pte {
	hpa_t hpa;		/**< of the page, or of the next table */
	u32 prot;		/**< HV_PROT_*; of a table all; 0: the entry is not present */
	bool leaf;		/**< maps a page; otherwise it points to a table */
	enum memtype type;	/**< of a page */
	bool accessed, dirty;	/**< the CPU has used the page; has written to it */
};

/** Bytes that an entry at `level` (1 to 4) spans: 4 KiB, 2 MiB, 1 GiB, 512 GiB. */
static inline u64 pte_span(unsigned int level)
{
	return PAGE_SIZE << 9 * (level - 1);
}

#endif
