/*
 * The state inventory's guest: puts a value of its own into every register of hv/core/state.def
 * that a guest can write, lets other VMs run, and prints what it finds afterwards. Arguments: a
 * seed, and how often to yield. Every item's value comes from the seed and the item's name, so the
 * reader of the console can compute what must be there.
 */
#include "guest.h"

#define MSR_SYSENTER_CS	0x174
#define MSR_PAT		0x277
#define MSR_EFER	0xc0000080
#define MSR_STAR	0xc0000081
#define MSR_FS_BASE	0xc0000100
#define MSR_TSC_AUX	0xc0000103

static inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;

	asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (u64)hi << 32 | lo;
}

static inline void wrmsr(u32 msr, u64 v)
{
	asm volatile("wrmsr" : : "c"(msr), "a"((u32)v), "d"((u32)(v >> 32)));
}

static u64 seed;

/* FNV-1a over the name, then mixed with the seed. */
static u64 value_of(const char *name)
{
	u64 h = 0xcbf29ce484222325ull ^ seed;

	for (; *name; name++)
		h = (h ^ (u8)*name) * 0x100000001b3ull;
	return h;
}

/* ---- Registers with an instruction or MSR each ---------------------------------------------- */

#define REGISTER(name, reg) \
	static u64 get_##name(void) \
	{ \
		u64 v; \
		asm volatile("mov %%" #reg ", %0" : "=r"(v)); \
		return v; \
	} \
	static void set_##name(u64 v) { asm volatile("mov %0, %%" #reg : : "r"(v)); }
REGISTER(cr0, cr0) REGISTER(cr2, cr2) REGISTER(cr4, cr4) REGISTER(cr8, cr8)
REGISTER(dr0, dr0) REGISTER(dr1, dr1) REGISTER(dr2, dr2) REGISTER(dr3, dr3)
REGISTER(dr6, dr6) REGISTER(dr7, dr7)

#define MSR(name, index) \
	static u64 get_##name(void) { return rdmsr(index); } \
	static void set_##name(u64 v) { wrmsr(index, v); }
MSR(efer, MSR_EFER) MSR(star, MSR_STAR) MSR(lstar, MSR_STAR + 1) MSR(cstar, MSR_STAR + 2)
MSR(sfmask, MSR_STAR + 3) MSR(fs, MSR_FS_BASE) MSR(gs, MSR_FS_BASE + 1)
MSR(kernel_gs_base, MSR_FS_BASE + 2) MSR(tsc_aux, MSR_TSC_AUX)
MSR(sysenter_cs, MSR_SYSENTER_CS) MSR(sysenter_esp, MSR_SYSENTER_CS + 1)
MSR(sysenter_eip, MSR_SYSENTER_CS + 2) MSR(pat, MSR_PAT)

static u64 get_xcr0(void)
{
	u32 lo, hi;

	asm volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return (u64)hi << 32 | lo;
}

static void set_xcr0(u64 v)
{
	asm volatile("xsetbv" : : "a"((u32)v), "d"(0), "c"(0));
}

/* ---- Tables and segments --------------------------------------------------------------------- */

struct table {
	u16 limit;
	u64 base;
} __attribute__((packed));

#define TABLE(name, insn) \
	static u64 get_##name(void) \
	{ \
		struct table t; \
		asm volatile("s" insn " %0" : "=m"(t)); \
		return t.base << 16 | t.limit; \
	} \
	static void set_##name(u64 v) \
	{ \
		struct table t = { .limit = (u16)v, .base = v >> 16 }; \
		asm volatile("l" insn " %0" : : "m"(t)); \
	}
TABLE(gdtr, "gdt") TABLE(idtr, "idt")

/* One descriptor for code, eight alike for data, two LDTs, two TSSs; loading sets "busy". */
static u64 gdt[24] __attribute__((aligned(16)));

static void make_gdt(void)
{
	gdt[1] = 0x00af9b000000ffff;			/* 8: 64-bit code */
	for (int i = 2; i < 10; i++)
		gdt[i] = 0x00cf93000000ffff;		/* 16 to 72: data */
	gdt[16] = gdt[18] = 0x0000820000000027;		/* 128, 144: LDT */
	gdt[20] = gdt[22] = 0x0000890000000067;		/* 160, 176: TSS */
	/* The limit may be larger than the table. */
	set_gdtr((u64)gdt << 16 | (sizeof(gdt) - 1) | (value_of("gdtr") & 0x300));
}

#define SELECTOR(name, insn_get, insn_set) \
	static u64 get_##name(void) \
	{ \
		u16 v; \
		asm volatile(insn_get : "=r"(v)); \
		return v; \
	} \
	static void set_##name(u64 v) { asm volatile(insn_set : : "r"((u16)v)); }
SELECTOR(es, "mov %%es, %0", "mov %0, %%es")
SELECTOR(ss, "mov %%ss, %0", "mov %0, %%ss")
SELECTOR(ds, "mov %%ds, %0", "mov %0, %%ds")
SELECTOR(ldtr, "sldt %0", "lldt %0")
SELECTOR(tr, "str %0", "ltr %0")

/* ---- The inventory --------------------------------------------------------------------------- */

/* `fixed` bits are kept as they are; the `mask` bits come from the seed. */
struct item {
	const char *name;
	u64 (*get)(void);
	void (*set)(u64);
	u64 fixed, mask;
};

#define LOW_CANONICAL 0x00007fffffffffffull

static const struct item items[] = {
	/* XCR0 first: the rest of the FPU follows it */
	{ "xcr0", get_xcr0, set_xcr0, 3, 4 },
	{ "seg[HV_ES]", get_es, set_es, 16, 0x08 },
	{ "seg[HV_SS]", get_ss, set_ss, 16, 0x08 },
	{ "seg[HV_DS]", get_ds, set_ds, 16, 0x28 },
	{ "seg[HV_FS]", get_fs, set_fs, 0, LOW_CANONICAL },
	{ "seg[HV_GS]", get_gs, set_gs, 0, LOW_CANONICAL },
	{ "seg[HV_LDTR]", get_ldtr, set_ldtr, 128, 16 },
	{ "seg[HV_TR]", get_tr, set_tr, 160, 16 },
	{ "idtr", get_idtr, set_idtr, 0xfff, LOW_CANONICAL & ~0xffffull },
	{ "cr0", get_cr0, set_cr0, 0x80000011, 1 << 1 | 1 << 16 | 1 << 18 },
	{ "cr2", get_cr2, set_cr2, 0, ~0ull },
	{ "cr4", get_cr4, set_cr4, 0x40620, 1 << 2 | 1 << 3 | 1 << 7 },
	{ "cr8", get_cr8, set_cr8, 0, 15 },
	{ "dr[0]", get_dr0, set_dr0, 0, LOW_CANONICAL },
	{ "dr[1]", get_dr1, set_dr1, 0, LOW_CANONICAL },
	{ "dr[2]", get_dr2, set_dr2, 0, LOW_CANONICAL },
	{ "dr[3]", get_dr3, set_dr3, 0, LOW_CANONICAL },
	{ "dr6", get_dr6, set_dr6, 0xffff0ff0, 0x600f },
	{ "dr7", get_dr7, set_dr7, 0x400, 0x300 },
	{ "efer", get_efer, set_efer, 0x500, 0x801 },
	{ "star", get_star, set_star, 0, ~0ull },
	{ "lstar", get_lstar, set_lstar, 0, LOW_CANONICAL },
	{ "cstar", get_cstar, set_cstar, 0, LOW_CANONICAL },
	{ "sfmask", get_sfmask, set_sfmask, 0, 0xffffffff },
	{ "kernel_gs_base", get_kernel_gs_base, set_kernel_gs_base, 0, LOW_CANONICAL },
	{ "sysenter_cs", get_sysenter_cs, set_sysenter_cs, 0, 0xffff },
	{ "sysenter_esp", get_sysenter_esp, set_sysenter_esp, 0, LOW_CANONICAL },
	{ "sysenter_eip", get_sysenter_eip, set_sysenter_eip, 0, LOW_CANONICAL },
	{ "pat", get_pat, set_pat, 0x0006040600060406, 0x0100000001000000 },
	{ "tsc_aux", get_tsc_aux, set_tsc_aux, 0, 0xffffffff },
};

#define ITEMS (sizeof(items) / sizeof(items[0]))

static u64 wanted(const struct item *i)
{
	return i->fixed | (value_of(i->name) & i->mask);
}

/* ---- General-purpose registers, flags and the FPU: across one yield, in state.64.S ----------- */

struct frame {
	u64 gpr[16];		/* by number; RAX has the call's number and result, RSP stays */
	u64 rflags;
	u32 mxcsr, fcw;
	u8 xmm[16][16];
};

void yield_with(const struct frame *before, struct frame *after, u64 intel);

#define MXCSR_FIXED	0x1f80		/* all exceptions masked */
#define MXCSR_MASK	0xe000		/* rounding, flush to zero */
#define FCW_FIXED	0x007f
#define FCW_MASK	0x0f00		/* precision and rounding */
#define RFLAGS_FIXED	0x2
#define RFLAGS_MASK	0x8d5		/* OF SF ZF AF PF CF */

static struct frame before, after;

static const char *const gpr_names[16] = {
	"gpr[HV_RAX]", "gpr[HV_RCX]", "gpr[HV_RDX]", "gpr[HV_RBX]", "gpr[HV_RSP]", "gpr[HV_RBP]",
	"gpr[HV_RSI]", "gpr[HV_RDI]", "gpr[HV_R8]", "gpr[HV_R9]", "gpr[HV_R10]", "gpr[HV_R11]",
	"gpr[HV_R12]", "gpr[HV_R13]", "gpr[HV_R14]", "gpr[HV_R15]",
};

static void fill(struct frame *f)
{
	for (int i = 0; i < 16; i++) {
		f->gpr[i] = value_of(gpr_names[i]);
		for (int b = 0; b < 16; b++)
			f->xmm[i][b] = (u8)((value_of("xsave") >> (b % 8 * 8)) + (u64)i);
	}
	f->rflags = RFLAGS_FIXED | (value_of("rflags") & RFLAGS_MASK);
	f->mxcsr = (u32)(MXCSR_FIXED | (value_of("mxcsr") & MXCSR_MASK));
	f->fcw = (u32)(FCW_FIXED | (value_of("fcw") & FCW_MASK));
}

static u64 hash(const u8 *p, u64 n)
{
	u64 h = 0xcbf29ce484222325ull;

	while (n--)
		h = (h ^ *p++) * 0x100000001b3ull;
	return h;
}

int main(u64 arg_seed, u64 yields);
int main(u64 arg_seed, u64 yields)
{
	u32 eax, vendor, ecx, edx;

	seed = arg_seed;
	set_cr4(0x40620);		/* OSXSAVE OSXMMEXCPT OSFXSR PAE */
	make_gdt();
	for (u64 i = 0; i < ITEMS; i++)
		items[i].set(wanted(&items[i]));
	fill(&before);
	cpuid(0, 0, &eax, &vendor, &ecx, &edx);
	for (u64 i = 0; i < yields; i++)
		yield_with(&before, &after, vendor == 0x756e6547);	/* "Genu" */

	for (u64 i = 0; i < ITEMS; i++)
		observe(items[i].name, items[i].get());
	observe("gdtr", get_gdtr() & 0xffff);
	for (int i = 0; i < 16; i++) {
		if (i != 0 && i != 4)
			observe(gpr_names[i], after.gpr[i]);
	}
	observe("rflags", after.rflags);
	observe("mxcsr", after.mxcsr);
	observe("fcw", after.fcw);
	observe("xsave", hash((u8 *)after.xmm, sizeof(after.xmm)));
	return 0;
}
