/*
 * Reads and writes two MSRs that a guest may have itself, one of each range of the MSR bitmaps, and
 * their neighbours, which it may not. Prints what it read. Arguments: what it writes.
 */
#include "guest.h"
#include "idt64.h"

#define MSR_SYSENTER_ESP	0x175
#define MSR_NOBODYS		0x177
#define MSR_MISC_ENABLE		0x1a0
#define MSR_EFER		0xc0000080
#define MSR_LSTAR		0xc0000082

static int faults;

__attribute__((interrupt)) static void on_gp(struct interrupt_frame *f, u64 error)
{
	faults++;
	f->rip += 2;		/* RDMSR */
}

static u64 rdmsr(u32 msr)
{
	u32 lo, hi;

	asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr) : "memory");
	return (u64)hi << 32 | lo;
}

static void wrmsr(u32 msr, u64 v)
{
	asm volatile("wrmsr" : : "c"(msr), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}

int main(u64 low, u64 high);
int main(u64 low, u64 high)
{
	u64 esp, lstar;

	tables_load();
	idt_set(13, on_gp);
	rdmsr(MSR_SYSENTER_ESP);
	wrmsr(MSR_SYSENTER_ESP, low);
	wrmsr(MSR_MISC_ENABLE, 0);
	rdmsr(MSR_LSTAR);
	wrmsr(MSR_LSTAR, high);
	esp = rdmsr(MSR_SYSENTER_ESP);
	wrmsr(MSR_LSTAR, high + 1);
	lstar = rdmsr(MSR_LSTAR);
	rdmsr(MSR_EFER);
	rdmsr(MSR_EFER);
	rdmsr(MSR_NOBODYS);
	wrmsr(MSR_MISC_ENABLE, 0);
	wrmsr(MSR_MISC_ENABLE, 0);
	observe("low", esp);
	observe("high", lstar);
	observe("faults", (u64)faults);
	return 0;
}
