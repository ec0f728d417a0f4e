/*
 * Asks CPUID, with all 64 bits of its registers in use, and prints what the registers have then.
 * Argument: a number that fills the halves that don't count.
 */
#include "guest.h"

#define CR4_OSXSAVE	(1ull << 18)
#define OF_INTEREST	0x88000020u	/* of leaf 1, ECX: hypervisor, OSXSAVE, VMX */

static u64 fill;

/* RAX, RBX, RCX, RDX */
static void ask(u32 leaf, u32 subleaf, u64 r[4])
{
	r[0] = fill << 32 | leaf;
	r[1] = r[3] = fill << 32 | 0x5a5a5a5a;
	r[2] = fill << 32 | subleaf;
	asm volatile("cpuid" : "+a"(r[0]), "+b"(r[1]), "+c"(r[2]), "+d"(r[3]));
}

static void show(const char *name, u32 leaf, u32 subleaf)
{
	static const char *const regs[] = { ".rax", ".rbx", ".rcx", ".rdx" };
	u64 r[4];

	ask(leaf, subleaf, r);
	for (int i = 0; i < 4; i++) {
		put_text(name);
		observe(regs[i], r[i]);
	}
}

static u64 osxsave_and_others(void)
{
	u64 r[4];

	ask(1, (u32)fill, r);
	return r[2] & (~0ull << 32 | OF_INTEREST);
}

static u64 xsave_size(void)
{
	u64 r[4];

	ask(0xd, 0, r);
	return r[1];
}

int main(u64 nonce, u64 unused);
int main(u64 nonce, u64 unused)
{
	u64 cr4;

	fill = nonce | 1;
	show("hypervisor", 0x40000000, 0);
	show("any", 0x40000000, (u32)nonce | 1);
	show("none", 0x40000001, 0);
	show("subleaf", 0xd, 2);
	show("nosubleaf", 0xd, 63);

	observe("features", osxsave_and_others());
	asm volatile("mov %%cr4, %0" : "=r"(cr4));
	asm volatile("mov %0, %%cr4" : : "r"(cr4 | CR4_OSXSAVE));
	observe("features.osxsave", osxsave_and_others());
	observe("xsave.x87", xsave_size());
	asm volatile("xsetbv" : : "a"(7), "d"(0), "c"(0));
	observe("xsave.avx", xsave_size());
	return 0;
}
