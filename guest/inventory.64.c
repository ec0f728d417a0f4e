/*
 * Looks at its CPU as a starting kernel does: CPUID's leaves, the usual MSRs, the TSC; and an MSR
 * that no CPU has, three times. Prints what it read.
 */
#include "guest.h"
#include "idt64.h"

#define MSR_TSC		0x10
#define MSR_NONE	0x12345

static volatile u64 faults;

__attribute__((interrupt)) static void on_gp(struct interrupt_frame *f, u64 error)
{
	faults++;
	f->rip += 2;		/* RDMSR, WRMSR */
}

static u64 rdmsr(u32 msr)
{
	u32 lo = 0, hi = 0;

	asm volatile("rdmsr" : "+a"(lo), "+d"(hi) : "c"(msr) : "memory");
	return (u64)hi << 32 | lo;
}

static void wrmsr(u32 msr, u64 value)
{
	asm volatile("wrmsr" : : "a"((u32)value), "d"((u32)(value >> 32)), "c"(msr) : "memory");
}

static u64 rdtsc(void)
{
	u32 lo, hi;

	asm volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (u64)hi << 32 | lo;
}

static void leaf(const char *name, u32 number)
{
	static const char *const regs[] = { ".eax", ".ebx", ".ecx", ".edx" };
	u32 r[4];

	cpuid(number, 0, &r[0], &r[1], &r[2], &r[3]);
	for (int i = 0; i < 4; i++) {
		put_text(name);
		observe(regs[i], r[i]);
	}
}

static void msr(const char *name, u32 number)
{
	u64 before = faults, value = rdmsr(number);

	put_text(name);
	observe("", value);
	put_text(name);
	observe(".gp", faults - before);
}

static void tsc(void)
{
	u64 a = rdmsr(MSR_TSC), b = rdtsc(), c = rdmsr(MSR_TSC);

	observe("tsc.in.order", a < b && b < c);
	wrmsr(MSR_TSC, 1ull << 40);
	a = rdtsc();
	b = rdmsr(MSR_TSC);
	observe("tsc.written", a >> 40 == 1 && b >> 40 == 1 && a < b);
	wrmsr(MSR_TSC, c);
}

int main(u64 a, u64 b);
int main(u64 a, u64 b)
{
	tables_load();
	idt_set(13, on_gp);
	leaf("basic", 0);
	leaf("features", 1);
	leaf("cache", 4);
	leaf("more", 7);
	leaf("topology", 11);
	leaf("xsave", 13);
	leaf("extended", 0x80000000);
	leaf("extended.features", 0x80000001);
	leaf("sizes", 0x80000008);
	msr("apic.base", 0x1b);
	msr("microcode", 0x8b);
	msr("debugctl", 0x1d9);
	msr("mtrrcap", 0xfe);
	tsc();
	faults = 0;
	rdmsr(MSR_NONE);
	rdmsr(MSR_NONE);
	wrmsr(MSR_NONE, 1);
	observe("none.gp", faults);
	return 0;
}
