/* The same as mmio.64.c in protected mode. */
#include <stdbool.h>

#include "mmio.h"

/* Flat code and data, then two segments that begin at 0x1000 and 0x2000. */
static const u64 gdt[] = { 0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00cf93001000ffff,
			   0x00cf93002000ffff };

static const struct {
	u16 limit;
	const u64 *base;
} __attribute__((packed)) gdtr = { sizeof(gdt) - 1, gdt };

int main(u32 use, u32 choose);
int main(u32 use, u32 choose)
{
	asm volatile("lgdt %0; mov %1, %%fs; mov %2, %%gs" : : "m"(gdtr), "r"(0x18), "r"(0x20));
	mmio(use, choose);
	return 0;
}
