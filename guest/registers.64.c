/*
 * Does what a list says: reads and writes of devices in memory. Prints what each read left in RAX,
 * and after each write the sum of the probe (hv/dev/vprobe.h), which tells what it has seen.
 * Arguments: where the list is, a seed for the probe.
 */
#include "guest.h"

#define PROBE_SEED	0x2a4		/* OUT; IN: the sum's low half ... */
#define PROBE_SUM_HIGH	0x2a8		/* ... and its high one */

/* Behind the last one is one of size 0. */
struct step {
	char name[16];
	u64 address;
	u64 rax;		/* as it is before: of a write that is what is written */
	u32 size, write;
};

static u64 inl(u16 port)
{
	u32 v;

	asm volatile("inl %1, %0" : "=a"(v) : "d"(port));
	return v;
}

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
			observe(s->name, inl(PROBE_SUM_HIGH) << 32 | inl(PROBE_SEED));
		} else {
			observe(s->name, read_device(s));
		}
	}
	return 0;
}
