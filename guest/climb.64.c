/*
 * In long mode on its own feet, see climb.64.S: does what a kernel does early, and tells what came
 * of it. There is no IDT: a fault is the end, and what was told last says where.
 */
#include "guest.h"

#define MSR_EFER	0xc0000080
#define EFER_SCE	(1ull << 0)
#define EFER_NXE	(1ull << 11)
#define CR4_OSXSAVE	(1ull << 18)
#define ECX_XSAVE	(1u << 26)
#define ECX_OSXSAVE	(1u << 27)
#define EDX_NX		(1u << 20)

static u64 rdmsr(u32 index)
{
	u32 low, high;

	asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(index));
	return low | (u64)high << 32;
}

static void wrmsr(u32 index, u64 v)
{
	asm volatile("wrmsr" : : "c"(index), "a"((u32)v), "d"((u32)(v >> 32)));
}

static u64 read_cr4(void)
{
	u64 v;

	asm volatile("mov %%cr4, %0" : "=r"(v));
	return v;
}

static void xsave(void)
{
	u32 a, b, c, d, xcr0, high;

	cpuid(1, 0, &a, &b, &c, &d);
	observe("xsave", !!(c & ECX_XSAVE));
	observe("osxsave.before", !!(c & ECX_OSXSAVE));
	if (!(c & ECX_XSAVE))
		return;
	asm volatile("mov %0, %%cr4" : : "r"(read_cr4() | CR4_OSXSAVE));
	cpuid(1, 0, &a, &b, &c, &d);
	observe("osxsave", !!(c & ECX_OSXSAVE));
	cpuid(0xd, 0, &a, &b, &c, &d);
	observe("components", a & 3);
	observe("sizes", a && b >= 576 && c >= b);
	asm volatile("xsetbv" : : "c"(0), "a"(a & 7), "d"(0));
	asm volatile("xgetbv" : "=a"(xcr0), "=d"(high) : "c"(0));
	observe("xcr0", xcr0 == (a & 7) && !high);
}

static void efer(void)
{
	u64 before = rdmsr(MSR_EFER), want = before ^ EFER_SCE;
	u32 a, b, c, d;

	observe("efer", before);
	cpuid(0x80000001, 0, &a, &b, &c, &d);
	observe("nx", d >> 20 & 1);
	if (d & EDX_NX)
		want ^= EFER_NXE;
	wrmsr(MSR_EFER, want);
	observe("efer.written", rdmsr(MSR_EFER) == want);
	wrmsr(MSR_EFER, before);
	observe("efer.back", rdmsr(MSR_EFER));
}

int main(u64 magic, u64 info);
int main(u64 magic, u64 info)
{
	u64 cr0;
	u32 a, b, c, d;

	observe("magic", magic);
	observe("flags", *(const u32 *)info);
	asm volatile("mov %%cr0, %0" : "=r"(cr0));
	observe("cr0", cr0);
	observe("cr4", read_cr4());
	cpuid(0x80000001, 0, &a, &b, &c, &d);
	observe("lm", d >> 29 & 1);
	efer();
	xsave();
	asm volatile("wbinvd" : : : "memory");
	observe("wbinvd", 1);
	asm volatile("invd" : : : "memory");
	observe("invd", 1);
	return 0;
}
