/*
 * `selftest=walk:SEED:COUNT`: does hv_gva_translate() say what the CPU does? COUNT times, random
 * page tables of some format; each time, a few accesses with all that decides about them: what it
 * is for, CPL, CR0.WP, SMEP, SMAP with RFLAGS.AC, EFER.NXE. First we are asked, then the CPU does
 * it: to the same entries, which it finds as they were. They must agree in whether it works, in the
 * page that is touched, in the error code, in CR2, and in the accessed and dirty bits afterwards.
 *
 * Each run of the guest is one access, and a CPUID behind it or at the end of a handler: in a bare
 * VM that is an exit. What the CPU itself needs (code, IDT, GDT, TSS, stack) is mapped at addresses
 * that are guest physical ones, by the first entry of the root.
 */
#include "lib/cpuid.h"
#include "lib/string.h"
#include "vmm/vmm.h"
#include "x86/regs.h"

#define PAGE		4096ull
#define MEMORY		MiB(8)
#define DATA		MiB(2)		/* from here on pages that a table may map */
#define CODE		0x1000ull	/* of CPL 0 */
#define USER_CODE	0x2000ull
#define SYSTEM		0x3000ull	/* GDT, IDT, TSS */
#define STACK		0x4000ull
#define FIXED		0x10000ull	/* tables for these, a page for each level, 4 first */
#define CHAIN		0x20000ull	/* and for the random entries */
#define IDT		(SYSTEM + 0x100)
#define TSS		(SYSTEM + 0x800)
#define HANDLER		(CODE + 0x100)	/* 16 bytes for each vector */
#define BEYOND		GiB(8)		/* no memory here */
#define HIGH_BITS	(0x7ffull << 52)
#define ACCESSES	8		/* with the same tables */
#define CPUID_CODE	0xa20f

enum kind { READ, WRITE, FETCH, IMPLICIT, KINDS };	/* IMPLICIT: LAR reads the LDT */

static const u8 access_code[KINDS][8] = {
	[READ] = { 0x8b, 0x18, 0x0f, 0xa2 },		/* MOV EBX, [RAX]; CPUID */
	[WRITE] = { 0x89, 0x18, 0x0f, 0xa2 },		/* MOV [RAX], EBX; CPUID */
	[FETCH] = { 0xff, 0xe0 },			/* JMP RAX, to a CPUID */
	[IMPLICIT] = { 0x0f, 0x02, 0xd9, 0x0f, 0xa2 },	/* LAR EBX, CX; CPUID */
};

static const struct format {
	const char *name;
	u32 levels, index_bits, entry_size;
	u64 root;
} formats[] = {
	{ "32-bit", 2, 10, 4, FIXED + 0x2000 },
	{ "PAE", 3, 9, 8, FIXED + 0x1000 },
	{ "4-level", 4, 9, 8, FIXED },
};
enum { FORMAT_32, FORMAT_PAE, FORMAT_4_LEVEL };

/* Random entries, from the root down, and an address that leads through them. */
static struct tables {
	const struct format *f;
	u64 linear, at[4], entry[4];
	u32 count;
	u64 outside;		/* where a table is that is not in memory, or 0 */
	bool pse;
} t;

/* One access. */
static struct attempt {
	enum kind kind;
	u64 cpl, cr0, cr4, efer, rflags;
} a;

/* What comes of it. */
struct result {
	s64 err;		/* as hv_gva_translate() */
	u64 gpa, error;
	u64 entry[4];		/* the tables afterwards */
};

static int vm;
static u64 state;		/* of the random numbers */
static u64 phys_bits, smep, smap;
static bool intel;
static struct hv_vcpu_state s;
static u32 failures, counted[4], quirk_ac, quirk_rsvd, quirk_pdpte, quirk_marked;

/* ---- Random tables -------------------------------------------------------------------------- */

static u64 below(u64 n)
{
	return (selftest_random(&state) >> 16) % n;
}

static bool one_in(u64 n)
{
	return !below(n);
}

static u64 maybe(u64 n, u64 bits)
{
	return one_in(n) ? bits : 0;
}

/* One of the bits from `low` to `high`; half the time the first one, where mistakes are. */
static u64 bit_from(u64 low, u64 high)
{
	return BIT(one_in(2) ? low : low + below(high + 1 - low));
}

static void must(int err)
{
	if (err)
		hv_fatal("self-test: a guest's memory or state can't be had");
}

/* What an entry may have beside an address, and sometimes may not have. */
static u64 attributes(void)
{
	u64 e = maybe(20, PTE_P) ^ PTE_P;

	e |= maybe(4, PTE_W) ^ PTE_W;
	e |= maybe(4, PTE_U) ^ PTE_U;
	e |= maybe(2, PTE_A) | maybe(2, PTE_D) | maybe(8, BIT(3)) | maybe(8, PTE_PCD);
	e |= maybe(4, PTE_G) | below(8) << 9;
	if (t.f->entry_size == 4)
		return e;
	e |= maybe(8, PTE_NX) | maybe(24, bit_from(phys_bits, 51));
	return e | (t.f == &formats[FORMAT_4_LEVEL] ? maybe(3, HIGH_BITS) :
						      maybe(40, bit_from(52, 62)));
}

/* PDPTEs have few attributes. On Intel those with reserved bits can't even get into the CPU. */
static u64 pdpte_attributes(void)
{
	u64 e = (maybe(20, PTE_P) ^ PTE_P) | below(8) << 9 | maybe(8, BIT(3)) | maybe(8, PTE_PCD);

	if (intel)
		return e;
	return e | maybe(20, bit_from(phys_bits, 51)) | maybe(20, PTE_NX);
}

/* The page of 2^shift bytes that an entry maps: in memory, or not. */
static u64 page(u32 shift)
{
	if (shift == 12)
		return one_in(12) ? BEYOND * (t.f->entry_size / 8) + below(16) * PAGE + DATA * 16 :
				    DATA + below(512) * PAGE;
	if (shift == 30)
		return below(2) << 30;
	if (shift == 22)
		return MiB(4) * (1 + below(4)) | maybe(4, below(256) << 13) | maybe(16, BIT(21)) |
		       maybe(3, BIT(12));
	return MiB(2) * (1 + below(4)) | maybe(10, bit_from(13, shift - 1)) |
	       maybe(3, BIT(12));
}

static u64 random_entry(u32 level, u32 shift)
{
	bool pdpte = t.f == &formats[FORMAT_PAE] && level == 3;
	u64 e = pdpte ? pdpte_attributes() : attributes();

	if (level == 1)
		return e | maybe(3, PTE_PS) | page(shift);	/* the PAT bit */
	if (level == 2 ? one_in(3) : level == 3 ? one_in(4) : one_in(30))
		e |= pdpte ? 0 : PTE_PS;
	if (e & PTE_PS && level < 4 && (t.f->entry_size == 8 || t.pse))
		return e | page(shift);
	if (!one_in(30))
		return e | (CHAIN + (level - 1) * PAGE);
	t.outside = DATA * 100;
	return e | t.outside;
}

static void random_address(void)
{
	u64 top = BIT(t.f->index_bits) - 1, bits = selftest_random(&state) << 12;

	/* Few pages of 1 GiB have memory; and slot 0 of the root is not ours. */
	bits = (bits & ~(511ull << 21)) | (one_in(3) ? below(512) : 1 + below(3)) << 21;
	if (t.f == &formats[FORMAT_32]) {
		t.linear = (u32)(bits | BIT(22 + below(10)));
	} else if (t.f == &formats[FORMAT_PAE]) {
		t.linear = (u32)((bits & ~(3ull << 30)) | (1 + below(3)) << 30);
	} else {
		bits |= BIT(39 + below(9)) & top << 39;
		t.linear = (u64)((s64)(bits << 16) >> 16) ^ maybe(50, BIT(50));
	}
	t.linear |= below(255) << 4;
}

static void random_tables(const struct format *f)
{
	u64 table = f->root, none = 0;

	if (t.f == f)		/* the last ones must not be in the way */
		must(hv_gpa_write(vm, t.at[0], &none, f->entry_size));
	t = (struct tables){ .f = f, .pse = one_in(2) };
	random_address();
	for (u32 level = f->levels; level; level--) {
		u32 shift = 12 + f->index_bits * (level - 1), i = t.count++;
		u64 e = random_entry(level, shift);

		t.at[i] = table + (t.linear >> shift & (BIT(f->index_bits) - 1)) * f->entry_size;
		if (f == &formats[FORMAT_PAE] && level == 3)
			t.at[i] = table + (t.linear >> 30) * 8;
		t.entry[i] = e;
		if (t.outside || (e & PTE_PS && (f->entry_size == 8 || t.pse)))
			break;
		table = CHAIN + (level - 1) * PAGE;
	}
}

static void write_entries(void)
{
	for (u32 i = 0; i < t.count; i++)
		must(hv_gpa_write(vm, t.at[i], &t.entry[i], t.f->entry_size));
}

static void read_entries(u64 *entry)
{
	for (u32 i = 0; i < t.count; i++) {
		entry[i] = 0;
		must(hv_gpa_read(vm, t.at[i], &entry[i], t.f->entry_size));
	}
}

/* ---- What does not change ------------------------------------------------------------------- */

/* The entry in slot 0 at each level, and at the last one for the pages that the CPU needs. */
static void write_fixed_tables(const struct format *f)
{
	u64 zero[32] = { 0 };

	for (u64 at = FIXED; at < FIXED + 4 * PAGE; at += sizeof(zero))
		must(hv_gpa_write(vm, at, zero, sizeof(zero)));
	for (u32 level = f->levels; level > 1; level--) {
		bool pdpte = f == &formats[FORMAT_PAE] && level == 3;
		u64 e = (FIXED + (5 - level) * PAGE) | PTE_P | (pdpte ? 0 : PTE_W | PTE_U);

		must(hv_gpa_write(vm, FIXED + (4 - level) * PAGE, &e, f->entry_size));
	}
	for (u64 at = CODE; at <= STACK; at += PAGE) {
		u64 e = at | PTE_P | PTE_W | (at == USER_CODE ? PTE_U : 0);

		must(hv_gpa_write(vm, FIXED + 3 * PAGE + at / PAGE * f->entry_size, &e,
				  f->entry_size));
	}
	t.f = NULL;
}

/* Gates for the vectors 0 to 14 (SDM vol. 3, 6.11, 6.14.1); the selector is that of CS. */
static void write_system(bool is_long)
{
	const u64 gdt[] = { 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cf9b000000ffff };
	const u8 cpuid_code[] = { 0x0f, 0xa2 };
	u32 selector = is_long ? 8 : 24, tss[] = { 0, (u32)STACK + 0xf00, is_long ? 0 : 16 };

	must(hv_gpa_write(vm, SYSTEM, gdt, sizeof(gdt)));
	must(hv_gpa_write(vm, TSS, tss, sizeof(tss)));
	for (u64 vector = 0; vector < 15; vector++) {
		u32 gate[4] = { selector << 16 | (u32)(HANDLER + vector * 16), 0x8e00 };
		u32 size = is_long ? 16 : 8;

		must(hv_gpa_write(vm, IDT + vector * size, gate, size));
		must(hv_gpa_write(vm, HANDLER + vector * 16, cpuid_code, 2));
	}
	for (u64 kind = 0; kind < KINDS; kind++) {
		must(hv_gpa_write(vm, CODE + kind * 16, access_code[kind], 8));
		must(hv_gpa_write(vm, USER_CODE + kind * 16, access_code[kind], 8));
	}
}

static void prepare(const struct format *f)
{
	write_fixed_tables(f);
	write_system(f == &formats[FORMAT_4_LEVEL]);
}

/* ---- An access ------------------------------------------------------------------------------ */

static void random_attempt(void)
{
	a.kind = below(KINDS);
	if ((t.linear ^ t.linear >> 1) & BIT(49))	/* not canonical */
		a.kind &= WRITE;
	a.cpl = below(2) * 3;
	a.cr0 = CR0_PG | CR0_PE | CR0_ET | CR0_NE | maybe(2, CR0_WP);
	a.cr4 = (t.f->entry_size == 8 ? CR4_PAE : 0) | (t.pse ? CR4_PSE : 0) |
		maybe(2, smep) | maybe(2, smap);
	a.efer = maybe(2, EFER_NXE) |
		 (t.f == &formats[FORMAT_4_LEVEL] ? EFER_LME | EFER_LMA : 0);
	a.rflags = RFLAGS_FIXED | maybe(2, RFLAGS_AC);
}

/* The address of the instruction that does it. */
static u64 instruction(void)
{
	return (a.cpl ? USER_CODE : CODE) + (u64)a.kind * 16;
}

static void set_state(u32 tag)
{
	bool is_long = a.efer & EFER_LMA;
	u32 dpl = (u32)a.cpl << 5, size = SEG_G | (is_long ? SEG_L : SEG_DB);

	s.rip = instruction();
	s.rflags = a.rflags;
	s.gpr[HV_RAX] = t.linear;
	s.gpr[HV_RBX] = tag;
	s.gpr[HV_RCX] = 4 | a.cpl;		/* the first entry of the LDT */
	s.gpr[HV_RSP] = STACK + 0xf00;
	for (u32 i = 0; i <= HV_GS; i++)
		s.seg[i] = (struct hv_segment){ .selector = 16 | (u16)a.cpl, .limit = 0xffffffff,
			.attr = SEG_G | SEG_DB | SEG_P | SEG_S | SEG_TYPE_DATA | dpl };
	s.seg[HV_CS].selector = (u16)(a.cpl | (is_long ? 8 : 24));
	s.seg[HV_CS].attr = SEG_P | SEG_S | SEG_TYPE_CODE | dpl | size;
	s.seg[HV_LDTR] = (struct hv_segment){ .selector = 32, .attr = SEG_P | SEG_TYPE_LDT,
		.limit = 7, .base = a.kind == IMPLICIT ? t.linear : 0 };
	/* Busy, as after LTR; but QEMU's TCG ends itself at the next change of CPL if it is. */
	s.seg[HV_TR] = (struct hv_segment){ .selector = 40, .limit = 103, .base = TSS,
		.attr = SEG_P | (intel ? SEG_TYPE_TSS : 9) };
	s.gdtr = (struct hv_table){ SYSTEM, 31 };
	s.idtr = (struct hv_table){ IDT, 15 * (is_long ? 16 : 8) - 1 };
	s.cr0 = a.cr0;
	s.cr3 = t.f->root;
	s.cr4 = a.cr4;
	s.efer = a.efer;
	must(hv_vcpu_setstate(vm, 0, &s, HV_STATE_GPRS | HV_STATE_SEGS | HV_STATE_CRS |
					 HV_STATE_MSRS | HV_STATE_INTR));
}

static void ask_us(struct result *r)
{
	static const u32 access[KINDS] = {
		[READ] = HV_PROT_READ, [WRITE] = HV_PROT_WRITE, [FETCH] = HV_PROT_EXEC,
		[IMPLICIT] = HV_PROT_READ | HV_ACCESS_IMPLICIT,
	};
	u32 error = 0;

	r->err = hv_gva_translate(vm, 0, t.linear, access[a.kind], &r->gpa, &error);
	r->error = r->err == -EFAULT ? error : 0;
	read_entries(r->entry);
	write_entries();
}

/* The error code is on top of the stack. */
static void faulted(struct result *r, u64 vector)
{
	u32 error;

	must(hv_gpa_read(vm, s.gpr[HV_RSP], &error, 4));
	r->err = vector == EXC_GP ? -EINVAL : vector == 14 ? -EFAULT : -ENOSYS;
	r->error = vector == 14 ? error : 0;
	if (vector == 14 && s.cr2 != t.linear)
		r->err = -ENODEV;
}

/* Has the access read from `gpa`, or written to it? There was ~tag, and the tag was written. */
static bool came_through(u64 gpa, u32 tag)
{
	u32 there = tag;

	if (a.kind == READ)
		return (u32)s.gpr[HV_RBX] == ~tag;
	if (a.kind == WRITE)
		must(hv_gpa_read(vm, gpa, &there, 4));
	return there == tag;
}

/* `gpa` is where the access should go. @return the reason of the exit */
static enum hv_exit_reason ask_cpu(struct result *r, u64 gpa, u32 tag)
{
	struct hv_exit x = { .reason = HV_EXIT_UNKNOWN };
	bool memory = gpa >= DATA && gpa < MEMORY;
	u64 end = a.kind == FETCH ? t.linear : instruction() + (a.kind == IMPLICIT ? 3 : 2);
	u32 there = a.kind == FETCH ? CPUID_CODE : ~tag;

	if (memory)
		must(hv_gpa_write(vm, gpa, &there, 4));
	must(hv_vcpu_run(vm, 0, &x));
	must(hv_vcpu_getstate(vm, 0, &s, HV_STATE_GPRS | HV_STATE_CRS));
	*r = (struct result){ .err = -ENOSYS };
	read_entries(r->entry);
	if (x.reason == HV_EXIT_MEMORY) {
		bool outside = t.outside && x.memory.gpa / PAGE == t.outside / PAGE;

		r->err = outside ? -ENXIO : memory ? -ENOSYS : 0;
		r->gpa = outside ? 0 : x.memory.gpa;
	} else if (x.reason == HV_EXIT_CPUID && x.rip / 256 == HANDLER / 256) {
		faulted(r, x.rip / 16 % 16);
	} else if (x.reason == HV_EXIT_CPUID) {
		r->err = memory && x.rip == end && came_through(gpa, tag) ? 0 : -ENOSYS;
		r->gpa = gpa;
	}
	return x.reason;
}

/* ---- The comparison ------------------------------------------------------------------------- */

/*
 * On its way to a fault a CPU may set A (SDM vol. 3, 4.8); TCG does, we don't. And PDPTEs of PAE
 * paging have no A, but for TCG.
 */
static bool entries_differ(const struct result *us, const struct result *cpu)
{
	bool only_marked = cpu->err != 0, differ = false;

	for (u32 i = 0; i < t.count; i++) {
		u64 change = us->entry[i] ^ cpu->entry[i];

		if (change == PTE_A && t.f == &formats[FORMAT_PAE] && i == 0) {
			quirk_pdpte++;
			continue;
		}
		differ |= change;
		only_marked &= !(change & ~PTE_A) && us->entry[i] == t.entry[i];
	}
	quirk_marked += differ && only_marked;
	return differ && !only_marked;
}

/*
 * What these emulators do unlike a CPU. To a reserved bit belongs P in the error code, too (SDM
 * vol. 3, 4.7); QEMU's TCG leaves it out. And SMAP forbids implicit accesses to a user's page
 * whatever RFLAGS.AC says (4.6.1); TCG and Bochs let AC allow them, TCG at CPL 0 only.
 */
static bool known_quirk(const struct result *us, struct result *cpu)
{
	if (a.kind == IMPLICIT && a.cr4 & CR4_SMAP && a.rflags & RFLAGS_AC &&
	    us->err == -EFAULT && us->error == PF_P && cpu->err != -EFAULT) {
		quirk_ac++;
		return true;
	}
	if (cpu->err == -EFAULT && (cpu->error & (PF_P | PF_RSVD)) == PF_RSVD) {
		quirk_rsvd++;
		cpu->error |= PF_P;
	}
	return false;
}

static void complain(const struct result *us, const struct result *cpu, enum hv_exit_reason why)
{
	static const char *const kinds[] = { "read", "write", "fetch", "implicit read" };

	vmm_printf("selftest walk %s: %s of 0x%lx at CPL %lu, CR0 0x%lx, CR4 0x%lx, EFER 0x%lx, "
		   "RFLAGS 0x%lx\n", t.f->name, kinds[a.kind], t.linear, a.cpl, a.cr0, a.cr4,
		   a.efer, a.rflags);
	for (u32 i = 0; i < t.count; i++)
		vmm_printf("  entry 0x%lx, afterwards: we say 0x%lx, the CPU 0x%lx\n", t.entry[i],
			   us->entry[i], cpu->entry[i]);
	vmm_printf("  we say %ld, 0x%lx, error code 0x%lx; the CPU %ld, 0x%lx, 0x%lx (exit %s at "
		   "0x%lx)\n", us->err, us->gpa, us->error, cpu->err, cpu->gpa, cpu->error,
		   hv_exit_name(why), s.rip);
}

static void one_attempt(void)
{
	u32 tag = (u32)selftest_random(&state);
	struct result us = { 0 }, cpu;
	enum hv_exit_reason why;

	random_attempt();
	write_entries();
	set_state(tag);
	if (t.f == &formats[FORMAT_PAE] && one_in(10)) {	/* does the CPU look again? */
		t.entry[0] ^= PTE_P;
		write_entries();
	}
	ask_us(&us);
	why = ask_cpu(&cpu, us.gpa, tag);
	counted[us.err == 0 ? 0 : us.err == -EFAULT ? 1 : us.err == -ENXIO ? 2 : 3]++;
	if (known_quirk(&us, &cpu))
		return;
	if (us.err != cpu.err || us.gpa != cpu.gpa || us.error != cpu.error ||
	    entries_differ(&us, &cpu)) {
		failures++;
		if (failures <= 5)
			complain(&us, &cpu, why);
	}
}

static void make_vm(bool lazy)
{
	static struct vmfile_vm config = { .memory = MEMORY, .mode = VMFILE_LONG, .bare = true };
	struct vmm_vm v = { .config = &config };
	u8 byte = 0;

	config.lazy = lazy;
	must(vmm_create(&v));
	vm = v.id;
	for (u64 at = 0; lazy && at < MEMORY; at += PAGE)	/* or a bare VM exits for each */
		must(hv_gpa_write(vm, at, &byte, 1));
	must(vmm_start_vcpu(&v, CODE));
	must(hv_vcpu_getstate(vm, 0, &s, HV_STATE_ALL));
}

bool selftest_walk(const char *arguments)
{
	struct hv_capability c;
	u64 count;

	hv_capability(&c);
	intel = !strcmp(c.backend, "vmx");
	phys_bits = cpuid(0x80000008, 0).eax & 0xff;
	smep = cpuid(7, 0).ebx & BIT(7) ? CR4_SMEP : 0;
	smap = cpuid(7, 0).ebx & BIT(20) ? CR4_SMAP : 0;
	state = selftest_number(&arguments) * 0x9e3779b97f4a7c15 + 1;
	count = selftest_number(&arguments);
	for (u32 lazy = 0; lazy < 2; lazy++) {
		make_vm(lazy);
		for (u32 f = 0; f < ARRAY_SIZE(formats); f++) {
			prepare(&formats[f]);
			for (u64 n = 0; n < count; n++) {
				random_tables(&formats[f]);
				for (u32 i = 0; i < ACCESSES; i++)
					one_attempt();
			}
		}
		hv_machine_destroy(vm);
	}
	vmm_printf("selftest walk pairs=%lu translated=%u faults=%u outside=%u noncanonical=%u\n",
		   2 * ARRAY_SIZE(formats) * count * ACCESSES, counted[0], counted[1], counted[2],
		   counted[3]);
	vmm_printf("selftest walk quirks ac=%u rsvd=%u pdpte=%u marked=%u\n", quirk_ac, quirk_rsvd,
		   quirk_pdpte, quirk_marked);
	vmm_printf("selftest walk %s\n", failures ? "FAILED" : "passed");
	return !failures;
}
