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

/* A line of text that is put together first, and then goes out in one instruction. */
static char line[128];
static u32 line_length;

static inline void line_add(const char *text)
{
	while (*text)
		line[line_length++] = *text++;
}

/* In hexadecimal. */
static inline void line_number(u64 n)
{
	int shift = 60;

	while (shift > 0 && !(n >> shift))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		line[line_length++] = "0123456789abcdef"[n >> shift & 15];
}

static inline void line_end(void)
{
	const char *from = line;
	unsigned long count = line_length + 1;

	line[line_length] = '\n';
	line_length = 0;
	asm volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(COM1) : "memory");
}

/* "name=0xvalue" */
static inline void tell(const char *name, u64 value)
{
	line_add(name);
	line_add("=0x");
	line_number(value);
	line_end();
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
