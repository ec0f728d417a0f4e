/*
 * For exercise 3.10: reads and writes pages of a range, and has its machine say which were written
 * to. Arguments: where the range begins; and in bits 15:0 how many pages it has, above a seed.
 *
 * In each of three rounds: the page before the range and the one behind it, a read, then a write;
 * the first byte of the range, and the last one; and 24 bytes anywhere in the upper halves of its
 * pages, each read or written. One page has a function in it, which is called after each report.
 */
#include "guest.h"

#define REPORT_PORT	0xf6
#define ROUNDS		3
#define TOUCHES		24
#define PAGE		4096
#define HALF		(PAGE / 2)
#define CODE		(7 * PAGE)
#define RET		0xc3

static inline void read_byte(u64 at)
{
	(void)*(volatile u8 *)at;
}

static inline void write_byte(u64 at, u8 value)
{
	*(volatile u8 *)at = value;
}

int main(u64 first, u64 how);
int main(u64 first, u64 how)
{
	u64 pages = how & 0xffff, end = first + pages * PAGE, x = how >> 16 | 1;

	write_byte(first + CODE, RET);
	for (int round = 0; round < ROUNDS; round++) {
		read_byte(first - 1);
		write_byte(first - 1, 1);
		read_byte(end);
		write_byte(end, 1);
		write_byte(first, 1);
		write_byte(end - 1, 1);
		for (int i = 0; i < TOUCHES; i++) {
			u64 at;

			x ^= x << 13;		/* xorshift64: Marsaglia's generator */
			x ^= x >> 7;
			x ^= x << 17;
			at = first + x % pages * PAGE + HALF + (x >> 32) % HALF;
			if (x >> 60 & 1)
				write_byte(at, 1);
			else
				read_byte(at);
		}
		if (round < ROUNDS - 1)
			outb(REPORT_PORT, 0);
		((void (*)(void))(first + CODE))();
	}
	return 0;
}
