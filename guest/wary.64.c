/*
 * For exercise 3.12: a guest that doubts its memory. It ends with status 0 if memory is as memory
 * should be, with any other if not. Its VM has 8 MiB; virtual addresses are guest physical ones.
 */
#include "guest.h"

#define PAGE		4096ull
#define LARGE		(2ull << 20)	/* a table of second-level entries is full each 2 MiB */
#define FIRST		(1ull << 20)	/* from here to LAST nobody has touched anything */
#define LAST		(7ull << 20)
#define WORDS		(PAGE / sizeof(u64))

/* The words of the page at an address. */
__maybe_unused static inline volatile u64 *page_at(u64 address)
{
	return (volatile u64 *)address;
}

/* Do what the byte at an address, an instruction, says. RET (0xc3) comes back. */
__maybe_unused static inline void call(u64 address)
{
	((void (*)(void))address)();
}

int main(u64 unused, u64 unused2);

/**
 * Exercise 3.12: find out whether the hypervisor gets memory wrong. The pages from FIRST to LAST
 * are yours. These are the rules:
 *
 * A page that nobody has used yet is zero, all of it. It keeps what is written to it, whatever
 * happens to other pages meanwhile, and there may be many of these. No two pages are the same
 * memory; hypervisors make such mistakes at the edges of their tables. And each page can be
 * read, written to and executed, in any order.
 *
 * A hypervisor may be wrong about some pages only. Within 16 pages on either side of each multiple
 * of LARGE you would notice all that you can notice anywhere.
 *
 * @return 0: all is as it should be; anything else: it is not
 */
int main(u64 unused, u64 unused2)
{
	const u64 around = 16 * PAGE;

	for (u64 edge = LARGE; edge < LAST; edge += LARGE) {
		for (u64 at = edge - around; at < edge + around; at += PAGE) {
			for (u64 i = 0; i < WORDS; i++) {
				if (page_at(at)[i])
					return 1;
			}
			page_at(at)[0] = page_at(at)[WORDS - 1] = at;
		}
	}
	for (u64 edge = LARGE; edge < LAST; edge += LARGE) {
		for (u64 at = edge - around; at < edge + around; at += PAGE) {
			if (page_at(at)[0] != at || page_at(at)[WORDS - 1] != at)
				return 2;
		}
	}
	page_at(LARGE)[1] = 0xc3;
	call(LARGE + sizeof(u64));
	page_at(LARGE + around)[0] = 0xc3;
	call(LARGE + around);
	return 0;
}
