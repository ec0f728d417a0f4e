/* See guest_walk.h. Sections are those of the SDM, vol. 3. */
#include "mm/guest_walk.h"

#include "hvm/hvm.h"
#include "lib/cpuid.h"
#include "lib/lab.h"
#include "mm/gmem.h"
#include "x86/regs.h"

#define TRIES		16	/* walks that the guest may spoil by changing its tables */
#define HIGH_BITS	(0x7ffull << 52)	/* ignored in 4-level paging only */
#define PDPTE_RESERVED	(PTE_NX | HIGH_BITS)	/* and 0x1e6 (table 4-8); but TCG sets A, 0x20 */

/* An entry that a walk has read. */
struct step {
	gpa_t at;
	u64 entry;
};

/* One walk: where it begins, what it is for, and where it has been. */
struct walk {
	struct vm *vm;
	struct hvm_paging reg;	/* the vCPU's */
	u64 linear;		/* the address */
	u32 access;		/* HV_PROT_*, HV_ACCESS_IMPLICIT */
	bool user;		/* it is an access of CPL 3's */
	gpa_t root;		/* the first table */
	u32 top;		/* the lowest bit of `linear` that chooses an entry there */
	u64 reserved;		/* bits that must be 0 in each entry */
	u64 large;		/* sizes of pages that PS stands for: MiB(2) | GiB(1) */
	struct step step[4];	/* what was read, from the root down */
	u32 error;		/* of the #PF, if there is one */
};

/* ---- What CPUID says ------------------------------------------------------------------------ */

#define CPUID_1_EDX_PSE36		BIT(17)
#define CPUID_8000_0001_EDX_PAGE_1G	BIT(26)

/* A leaf of the guest's, or of this CPU, which walks the same tables, if the policy lacks it. */
static struct cpuid_regs leaf(const struct vm *vm, u32 number)
{
	for (u32 i = 0; i < vm->config.cpuid_count; i++) {
		const struct hv_cpuid *c = &vm->config.cpuid[i];

		if (c->leaf == number)
			return (struct cpuid_regs){ c->eax, c->ebx, c->ecx, c->edx };
	}
	return cpuid(number, 0);
}

void guest_paging_limits(struct vm *vm)
{
	u32 width = leaf(vm, 0x80000008).eax & 0xff;
	u32 width_4m = leaf(vm, 1).edx & CPUID_1_EDX_PSE36 ? (width < 40 ? width : 40) : 32;

	if (width < 32 || width > 52)
		width = width_4m = 32;
	/* A 4 MiB page has its address bits 39:32 in bits 20:13 of the entry (table 4-4). */
	vm->limits = (struct paging_limits){
		.reserved = PTE_ADDR & ~(BIT(width) - 1),
		.reserved_4m = (BIT(22) - 1) & ~(BIT(13 + width_4m - 32) - 1),
		.large = leaf(vm, 0x80000001).edx & CPUID_8000_0001_EDX_PAGE_1G ?
			 MiB(2) | GiB(1) : MiB(2),
	};
}

/* ---- What the CPU has to say no to ---------------------------------------------------------- */

/*
 * The guest gets #PF. Its error code says what was tried, and `why`: 0 for an entry that is not
 * present, else PF_P, with PF_RSVD if a reserved bit was set (4.7).
 */
static __noinline int page_fault(struct walk *w, u32 why)
{
	const struct hvm_paging *r = &w->reg;
	bool tells = r->cr4 & CR4_SMEP || (r->efer & EFER_NXE && r->cr4 & CR4_PAE);

	w->error = why | (w->access & HV_PROT_WRITE ? PF_W : 0) | (w->user ? PF_U : 0) |
		   (w->access & HV_PROT_EXEC && tells ? PF_I : 0);
	return -EFAULT;
}

/*
 * Is the access allowed (4.6)? `granted` has the rights that all entries on the way grant: PTE_U,
 * PTE_W, and PTE_NX for the right to execute. What only the supervisor may use, its code and data,
 * is not the user's; SMEP and SMAP keep the supervisor from what is. EFLAGS.AC lifts SMAP, but not
 * for implicit accesses.
 */
__maybe_unused static inline bool allowed(const struct walk *w, u64 granted)
{
	const struct hvm_paging *r = &w->reg;

	if (w->user && !(granted & PTE_U))
		return false;
	if (w->access & HV_PROT_WRITE && !(granted & PTE_W) && (w->user || r->cr0 & CR0_WP))
		return false;
	if (w->access & HV_PROT_EXEC)
		return granted & PTE_NX && (w->user || !(granted & PTE_U) || !(r->cr4 & CR4_SMEP));
	return w->user || !(granted & PTE_U) || !(r->cr4 & CR4_SMAP) ||
	       (r->rflags & RFLAGS_AC && !(w->access & HV_ACCESS_IMPLICIT));
}

/* Which bits of an entry that maps 2^shift bytes must be 0, beside w->reserved? */
__maybe_unused static u64 page_reserved(const struct walk *w, u32 shift)
{
	if (shift == PAGE_SHIFT)
		return 0;
	return shift == 22 ? w->vm->limits.reserved_4m : (BIT(shift) - 1) & ~(BIT(13) - 1);
}

/* ---- The walk ------------------------------------------------------------------------------- */

/* The address in an entry that maps 2^shift bytes. A 4 MiB page has bits 39:32 in 20:13. */
__maybe_unused static u64 page_address(u64 entry, u32 shift)
{
	u64 high = shift == 22 ? (entry & 0x1fe000) << 19 : 0;

	return high | (entry & PTE_ADDR & ~(BIT(shift) - 1));
}

/*
 * A translation has been found; `last` is its last step. Set A in each entry that has no A yet, and
 * D in the last one if this is a write (4.8).
 */
__maybe_unused static __noinline int set_accessed_dirty(struct walk *w, const struct step *last,
							u32 entry_size)
{
	for (const struct step *s = w->step; s <= last; s++) {
		u64 new = s->entry | PTE_A;
		int err = 0;

		if (s == last && w->access & HV_PROT_WRITE)
			new |= PTE_D;
		if (new != s->entry)
			err = gmem_update_entry(w->vm, s->at, entry_size, s->entry, new);
		if (err)
			return err == -EFAULT ? -ENXIO : err;
	}
	return 0;
}

/**
 * Walk the guest's page tables for w->linear as the CPU does (4.3 to 4.8): from the table at
 * w->root down to the entry that maps a page.
 *
 * An entry has `entry_size` bytes: 8, and a table has 512 of them; or 4, and it has 1024. In the
 * first table the bits of the address from w->top on choose the entry, in each table below the bits
 * that are below those, down to the last one, where 12 bits are left: the place in a page of 4 KiB.
 *
 * gmem_read_entry() reads an entry: each once, as the guest may change it at any time. Its -EFAULT
 * becomes -ENXIO; other errors end the walk as they are. Where it is and what was read goes into
 * w->step, from w->step[0] on. Then, in this order:
 *
 *  - It must be present, or it is a page_fault() for no other reason: 0.
 *  - In the last table it maps a page; above, if it has PTE_PS and w->large has the size of what it
 *    stands for. Else the next table is at its PTE_ADDR.
 *  - No reserved bit may be set, or it is a page_fault() for PF_P and PF_RSVD. Reserved are those
 *    of w->reserved; of an entry that maps a page page_reserved(); of one that does not PTE_PS, if
 *    it has 8 bytes.
 *
 * What all entries on the way grant decides whether the access is allowed(): PTE_U and PTE_W when
 * set, PTE_NX when clear. If not, it is a page_fault() for PF_P. If so, *out is where the address
 * is in the page at page_address(). What the entries lack of accessed and dirty bits comes last, by
 * set_accessed_dirty(), whose result is the walk's: a walk that fails changes nothing.
 *
 * @return 0; page_fault(); -ENXIO: a table is not in the guest's memory; -EAGAIN: the guest has
 *         changed an entry meanwhile, walk again; -ENOMEM, -ENOSPC: see gmem_read()
 */
static __inlined int guest_walk(struct walk *w, const u32 entry_size, gpa_t *out)
{
	const struct gmem_window memory = gmem_window(w->vm);
	const u32 index_bits = entry_size == 8 ? 9 : 10;
	const u64 table_reserved = w->reserved | (entry_size == 8 ? PTE_PS : 0);
	u64 table = w->root.v, granted = ~0ull, linear = w->linear, e;
	struct step *s = w->step;
	u32 shift = w->top;
	bool maps;
	int err;

	for (;; s++, shift -= index_bits) {
		s->at = gpa(table + (linear >> shift & (BIT(index_bits) - 1)) * entry_size);
		err = gmem_read_entry(w->vm, &memory, s->at, entry_size, &e);
		if (err)
			return err == -EFAULT ? -ENXIO : err;
		s->entry = e;
		if (!(e & PTE_P))
			return page_fault(w, 0);
		granted &= e ^ PTE_NX;
		maps = shift == PAGE_SHIFT || (e & PTE_PS && w->large >> shift & 1);
		if (e & (maps ? w->reserved | page_reserved(w, shift) : table_reserved))
			return page_fault(w, PF_P | PF_RSVD);
		if (maps)
			break;
		table = e & PTE_ADDR;
	}
	if (!allowed(w, granted))
		return page_fault(w, PF_P);
	*out = gpa(page_address(e, shift) | (linear & (BIT(shift) - 1)));
	if (granted & PTE_A && (e & PTE_D || !(w->access & HV_PROT_WRITE)))
		return 0;
	return set_accessed_dirty(w, s, entry_size);
}

/* ---- Each format ---------------------------------------------------------------------------- */

/* A linear address is canonical if bits 63:47 are all the same. */
static bool canonical(u64 linear)
{
	return (u64)((s64)(linear << 16) >> 16) == linear;
}

static u64 reserved(const struct walk *w)
{
	return w->vm->limits.reserved | (w->reg.efer & EFER_NXE ? 0 : PTE_NX);
}

static int walk_4_level(struct walk *w, gpa_t *out)
{
	if (!canonical(w->linear))
		return -EINVAL;
	w->root = gpa(w->reg.cr3 & PTE_ADDR);
	w->top = 39;
	w->large = w->vm->limits.large;
	w->reserved = reserved(w);
	return guest_walk(w, 8, out);
}

static __noinline int walk_32(struct walk *w, gpa_t *out)
{
	w->linear = (u32)w->linear;
	w->root = gpa(w->reg.cr3 & 0xfffff000);
	w->top = 22;
	w->large = w->reg.cr4 & CR4_PSE ? MiB(4) : 0;
	w->reserved = 0;
	return guest_walk(w, 4, out);
}

/* First one of four PDPTEs, by the address's bits 31:30. It has neither rights nor A (4.4.1). */
static __noinline int walk_pae(struct walk *w, gpa_t *out)
{
	const struct gmem_window memory = gmem_window(w->vm);
	u64 i = (u32)w->linear >> 30, e = w->reg.pdpte[i];
	gpa_t at = gpa((w->reg.cr3 & 0xffffffe0) + i * 8);
	int err = w->reg.has_pdpte ? 0 : gmem_read_entry(w->vm, &memory, at, 8, &e);

	if (err)
		return err == -EFAULT ? -ENXIO : err;
	if (!(e & PTE_P))
		return page_fault(w, 0);
	if (e & (w->vm->limits.reserved | PDPTE_RESERVED))
		return page_fault(w, PF_P | PF_RSVD);
	w->linear = (u32)w->linear;
	w->root = gpa(e & PTE_ADDR);
	w->top = 21;
	w->large = MiB(2);
	w->reserved = reserved(w) | HIGH_BITS;
	return guest_walk(w, 8, out);
}

/* In the mode of w->reg. */
static __inlined int translate(struct walk *w, gva_t at, u32 access, gpa_t *out, u32 *error)
{
	int err, tries = TRIES;

	if (!(w->reg.cr0 & CR0_PG)) {
		*out = gpa((u32)at.v);
		return 0;
	}
	w->linear = at.v;
	w->access = access;
	w->user = w->reg.cpl == 3 && !(access & HV_ACCESS_IMPLICIT);
	do {
		if (w->reg.efer & EFER_LMA)
			err = walk_4_level(w, out);
		else
			err = w->reg.cr4 & CR4_PAE ? walk_pae(w, out) : walk_32(w, out);
	} while (err == -EAGAIN && --tries);
	if (err == -EAGAIN)	/* it spoils each walk: as if an entry had just been absent */
		err = page_fault(w, 0);
	if (err == -EFAULT)
		*error = w->error;
	return err;
}

int guest_translate(struct vcpu *v, gva_t at, u32 access, gpa_t *out, u32 *error)
{
	struct walk w;

	w.vm = v->vm;
	v->vm->ops->get_paging(v, &w.reg);
	return translate(&w, at, access, out, error);
}

int guest_translate_as(struct vm *vm, const struct hvm_paging *mode, gva_t at, u32 access,
		       gpa_t *out, u32 *error)
{
	struct walk w = { .vm = vm, .reg = *mode };

	return translate(&w, at, access, out, error);
}
