/*
 * Costs of exits: does one kind of exit a number of times and prints how many ticks of the TSC it
 * took. Arguments: the kind (see below), how often.
 */
#include "guest.h"

enum kind { CPUID, HYPERCALL, RDMSR, UART, PAGE, MMIO_READ, MMIO_WRITE };

#define MSR_MISC_ENABLE	0x1a0
#define COM1_SCRATCH	(COM1 + 7)
#define PROBE_MEMORY	0xfedf0008ull	/* of the probe: hv/dev/vprobe.h */
#define PAGES_AT	(4ull << 20)	/* memory that nobody has touched yet */

static inline u64 rdtsc(void)
{
	u32 lo, hi;

	asm volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return (u64)hi << 32 | lo;
}

/* The same loop around each instruction; what it costs cancels out when two runs are subtracted. */
#define REPEAT(n, insn, ...) \
	for (u64 i_ = (n); i_; i_--) \
		asm volatile(insn : : __VA_ARGS__ : "rax", "rbx", "rcx", "rdx", "memory")

static void run(enum kind kind, u64 n)
{
	u32 eax, ebx, ecx, edx;

	cpuid(0, 0, &eax, &ebx, &ecx, &edx);
	switch (kind) {
	case CPUID:
		REPEAT(n, "xor %%eax, %%eax; cpuid", "m"(n));
		break;
	case HYPERCALL:
		if (ebx == 0x756e6547)
			REPEAT(n, "xor %%eax, %%eax; vmcall", "m"(n));
		else
			REPEAT(n, "xor %%eax, %%eax; vmmcall", "m"(n));
		break;
	case RDMSR:
		REPEAT(n, "mov %0, %%ecx; rdmsr", "i"(MSR_MISC_ENABLE));
		break;
	case UART:
		REPEAT(n, "mov %0, %%edx; in %%dx, %%al", "i"(COM1_SCRATCH));
		break;
	case PAGE:
		for (u64 i = 0; i < n; i++)
			*(volatile u8 *)(PAGES_AT + i * 4096) = 1;
		break;
	case MMIO_READ:
		REPEAT(n, "mov %0, %%edx; mov (%%rdx), %%eax", "i"(PROBE_MEMORY));
		break;
	case MMIO_WRITE:
		REPEAT(n, "mov %0, %%edx; mov %%eax, (%%rdx)", "i"(PROBE_MEMORY));
		break;
	}
}

int main(u64 kind, u64 n);
int main(u64 kind, u64 n)
{
	u64 start = rdtsc();

	run((enum kind)kind, n);
	observe("ticks", rdtsc() - start);
	return 0;
}
