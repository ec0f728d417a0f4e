/* Entry format of Intel's extended page tables (SDM vol. 3, 28.3.2). */
#ifndef MM_EPT_H
#define MM_EPT_H

#include "api.h"
#include "mm/types.h"

#define EPT_R		BIT(0)	/* readable */
#define EPT_W		BIT(1)	/* writable */
#define EPT_X		BIT(2)	/* executable */
#define EPT_WB		(6ull << 3)	/* memory type: write-back */
#define EPT_PS		BIT(7)	/* a page, where there could be a table */
#define EPT_ADDR	0x000ffffffffff000ull

/** An entry at `level` (1: 4 KiB, 2: 2 MiB, 3: 1 GiB pages): maps a page, or points to a table. */
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

#endif
