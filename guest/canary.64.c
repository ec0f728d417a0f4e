/*
 * The canary: works from a seed, with an exit now and then, and prints a result that the reader of
 * the console can compute too. If anything of it was disturbed, the result is wrong.
 */
#include "guest.h"

int main(u64 seed, u64 rounds);
int main(u64 seed, u64 rounds)
{
	static u64 table[256];
	u64 x = seed;

	for (u64 i = 0; i < rounds; i++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		table[x >> 56] ^= x;
		if (i % 64 == 0)
			hypercall(HYPERCALL_YIELD, 0, 0);
	}
	for (u64 i = 0; i < 256; i++)
		x = (x ^ table[i]) * 0x100000001b3u;
	observe("canary", x);
	return 0;
}
