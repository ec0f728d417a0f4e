/*
 * Does what a list says: reads and writes of devices in memory. Prints what each read left in RAX,
 * and after each write the sum of the probe (hv/dev/vprobe.h), which tells what it has seen.
 * Arguments: where the list is, a seed for the probe.
 */
#include "probe.h"

/* Behind the last one is one of size 0. */
struct step {
	char name[16];
	u64 address;
	u64 rax;		/* as it is before: of a write that is what is written */
	u32 size, write;
};

static u64 read_device(const struct step *s)
{
	u64 rax = s->rax;

	switch (s->size) {
	case 1: asm volatile("movb (%1), %%al" : "+a"(rax) : "r"(s->address)); break;
	case 2: asm volatile("movw (%1), %%ax" : "+a"(rax) : "r"(s->address)); break;
	case 4: asm volatile("movl (%1), %%eax" : "+a"(rax) : "r"(s->address)); break;
	default: asm volatile("movq (%1), %%rax" : "+a"(rax) : "r"(s->address));
	}
	return rax;
}

static void write_device(const struct step *s)
{
	switch (s->size) {
	case 1: asm volatile("movb %%al, (%1)" : : "a"(s->rax), "r"(s->address)); break;
	case 2: asm volatile("movw %%ax, (%1)" : : "a"(s->rax), "r"(s->address)); break;
	case 4: asm volatile("movl %%eax, (%1)" : : "a"(s->rax), "r"(s->address)); break;
	default: asm volatile("movq %%rax, (%1)" : : "a"(s->rax), "r"(s->address));
	}
}

int main(u64 list, u64 seed);
int main(u64 list, u64 seed)
{
	outl(PROBE_SEED, (u32)seed);
	for (const struct step *s = (const struct step *)list; s->size; s++) {
		if (s->write) {
			write_device(s);
			observe(s->name, probe_sum());
		} else {
			observe(s->name, read_device(s));
		}
	}
	return 0;
}
