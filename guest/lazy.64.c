/*
 * Touches memory here and there. Arguments: where it ends, with a seed in the lowest 12 bits; and
 * the distance of the pages. From 16 MiB on it reads a page each so many bytes, counts the words
 * that are not zero, and writes a value of its own for the address and the seed to its first and
 * last word. Then it counts the pages in which these are not any more, or something else is.
 */
#include "guest.h"

#define FIRST	(16ull << 20)
#define LARGE	(2ull << 20)
#define WINDOW	(4 * LARGE)	/* the virtual address where any large page can be looked at */
#define WORDS	512

#define PRESENT_WRITE	3ull
#define PAGE_SIZE_BIT	0x80ull

static volatile u64 *pd;	/* the page directory of the first GiB */

static u64 *table_at(u64 entry)
{
	return (u64 *)(entry & 0x000ffffffffff000);
}

static void find_tables(void)
{
	u64 cr3;

	asm volatile("mov %%cr3, %0" : "=r"(cr3));
	pd = table_at(*table_at(*table_at(cr3)));
}

static volatile u64 *look_at(u64 address)
{
	pd[WINDOW / LARGE] = (address & ~(LARGE - 1)) | PRESENT_WRITE | PAGE_SIZE_BIT;
	asm volatile("invlpg (%0)" : : "r"(WINDOW) : "memory");
	return (volatile u64 *)(WINDOW + address % LARGE);
}

static u64 value_of(u64 address, u64 seed)
{
	return (address ^ seed) * 0x9e3779b97f4a7c15 | 1;
}

int main(u64 end, u64 step);
int main(u64 end, u64 step)
{
	u64 seed = end & 0xfff, pages = 0, used = 0, wrong = 0;

	end -= seed;
	find_tables();
	for (u64 at = FIRST; at < end; at += step, pages++) {
		volatile u64 *page = look_at(at);

		for (u64 i = 0; i < WORDS; i++)
			used += page[i] != 0;
		page[0] = page[WORDS - 1] = value_of(at, seed);
	}
	for (u64 at = FIRST; at < end; at += step) {
		volatile u64 *page = look_at(at);
		u64 between = 0;

		for (u64 i = 1; i < WORDS - 1; i++)
			between |= page[i];
		wrong += between || page[0] != value_of(at, seed) || page[WORDS - 1] != page[0];
	}
	observe("pages", pages);
	observe("used", used);
	observe("wrong", wrong);
	return 0;
}
