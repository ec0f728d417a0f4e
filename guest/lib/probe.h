/*
 * The probe (hv/dev/vprobe.h), and two pages side by side, of memory or of a device, wherever they
 * are: the page tables of a long-mode start get a table more for the 2 MiB at PAIRS.
 */
#ifndef GUEST_PROBE_H
#define GUEST_PROBE_H

#include "guest.h"

#define PROBE_MEMORY	0xfedf0000ul
#define PROBE_STREAM	0xfedf1000ul
#define PROBE_END	0xfedf1ff4ul	/* behind the last byte of the stream */
#define PROBE_PORT	0x2a0
#define PROBE_SEED	(PROBE_PORT + 4)
#define PROBE_SUM	(PROBE_PORT + 4)
#define PROBE_SUM_HIGH	(PROBE_PORT + 8)

#define PAGE		4096ul
#define PAIRS		0x40000000ul
#define PTE_P		1ul
#define PTE_W		2ul
#define PTE_U		4ul
#define PTE_A		0x20ul
#define PTE_D		0x40ul
#define PTE_PS		0x80ul

static inline u32 inl(u16 port)
{
	u32 v;

	asm volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static inline u64 probe_sum(void)
{
	return inl(PROBE_SUM) | (u64)inl(PROBE_SUM_HIGH) << 32;
}

static unsigned long pairs[PAGE / sizeof(long)] __attribute__((aligned(4096)));

static inline void flush(void)
{
	unsigned long cr3;

	asm volatile("mov %%cr3, %0; mov %0, %%cr3" : "=r"(cr3) : : "memory");
}

/* Pages `n` and `n + 1` of PAIRS. @return where the second begins */
static inline unsigned long map_pair(u32 n, unsigned long first, unsigned long second)
{
	pairs[n] = first | PTE_P | PTE_W | PTE_U;
	pairs[n + 1] = second | PTE_P | PTE_W | PTE_U;
	flush();
	return PAIRS + (n + 1) * PAGE;
}

#ifdef __x86_64__
static inline void pairs_init(void)
{
	u64 *table;

	asm volatile("mov %%cr3, %0" : "=r"(table));
	table = (u64 *)(table[0] & ~0xffful);
	table = (u64 *)(table[PAIRS >> 30] & ~0xffful);
	table[PAIRS >> 21 & 511] = (u64)pairs | PTE_P | PTE_W | PTE_U;
	flush();
}
#else
/* Paging is off at the start of a 32-bit guest. */
static inline void pairs_init(void)
{
	static unsigned long directory[1024] __attribute__((aligned(4096)));
	unsigned long v;

	for (unsigned long i = 0; i < 1024; i++)
		directory[i] = i << 22 | PTE_PS | PTE_P | PTE_W | PTE_U;
	directory[PAIRS >> 22] = (unsigned long)pairs | PTE_P | PTE_W | PTE_U;
	asm volatile("mov %%cr4, %0; or $0x10, %0; mov %0, %%cr4; mov %1, %%cr3;"
		     "mov %%cr0, %0; or $0x80000000, %0; mov %0, %%cr0"
		     : "=&r"(v) : "r"(directory) : "memory");
}
#endif

#endif
