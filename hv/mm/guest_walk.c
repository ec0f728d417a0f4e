/* See guest_walk.h. Sections are those of the SDM, vol. 3. */
#include "mm/guest_walk.h"

#include "hvm/hvm.h"
#include "lib/cpuid.h"
#include "mm/gmem.h"
#include "x86/regs.h"

#define TRIES		16	/* walks that the guest may spoil by changing its tables */
#define HIGH_BITS	(0x7ffull << 52)	/* ignored in 4-level paging only */
#define PDPTE_RESERVED	(PTE_NX | HIGH_BITS)	/* and 0x1e6 (table 4-8); but TCG sets A, 0x20 */
#define ADDR_32		0xfffff000u

static const struct walk_format format_4_level = { .levels = 4, .index_bits = 9, .entry_size = 8 };
static const struct walk_format format_pae = { .levels = 2, .index_bits = 9, .entry_size = 8 };
static const struct walk_format format_32 = { .levels = 2, .index_bits = 10, .entry_size = 4 };

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
		.page_1g = leaf(vm, 0x80000001).edx & CPUID_8000_0001_EDX_PAGE_1G,
	};
}

/* ---- Before the walk ------------------------------------------------------------------------ */

/* One of four PDPTEs, by the address's bits 31:30; it leads to the first table (4.4.1). */
static int pae_root(struct guest_walk *w, const struct hvm_paging *p)
{
	u64 i = w->linear >> 30, e;
	int err;

	if (p->has_pdpte) {
		e = p->pdpte[i & 3];
	} else {
		err = gmem_read_entry(w->vm, gpa((p->cr3 & 0xffffffe0) + i * 8), 8, &e);
		if (err)
			return err == -EFAULT ? -ENXIO : err;
	}
	if (!(e & PTE_P))
		return -EFAULT;
	if (e & (w->vm->limits.reserved | PDPTE_RESERVED)) {
		w->error |= PF_P | PF_RSVD;
		return -EFAULT;
	}
	w->root = e & PTE_ADDR;
	return 0;
}

/* Which tables, and what may be in them (4.1.1). */
static int choose_format(struct guest_walk *w, const struct hvm_paging *p)
{
	const struct paging_limits *l = &w->vm->limits;

	w->reserved = l->reserved | (p->efer & EFER_NXE ? 0 : PTE_NX);
	w->large = MiB(2);
	if (p->efer & EFER_LMA) {
		w->format = &format_4_level;
		w->large |= l->page_1g ? GiB(1) : 0;
		w->linear &= BIT(48) - 1;
		w->root = p->cr3 & PTE_ADDR;
		return 0;
	}
	w->linear = (u32)w->linear;
	if (p->cr4 & CR4_PAE) {
		w->format = &format_pae;
		w->reserved |= HIGH_BITS;
		return pae_root(w, p);
	}
	w->format = &format_32;
	w->reserved = 0;
	w->large = p->cr4 & CR4_PSE ? MiB(4) : 0;
	w->root = p->cr3 & ADDR_32;
	return 0;
}

/* What the access needs (4.6), and what its error code has (4.7). */
static void choose_rights(struct guest_walk *w, const struct hvm_paging *p, u32 access)
{
	bool user = p->cpl == 3 && !(access & HV_ACCESS_IMPLICIT);
	bool fetch = access & HV_PROT_EXEC;
	bool ac = p->rflags & RFLAGS_AC && !(access & HV_ACCESS_IMPLICIT);

	w->write = access & HV_PROT_WRITE;
	w->error = (w->write ? PF_W : 0) | (user ? PF_U : 0);
	w->rights = user ? PTE_U : 0;
	if (w->write && (user || p->cr0 & CR0_WP))
		w->rights |= PTE_W;
	if (fetch) {
		w->rights |= PTE_NX;
		if (p->cr4 & CR4_SMEP || (p->efer & EFER_NXE && p->cr4 & CR4_PAE))
			w->error |= PF_I;
	}
	w->rights_mask = w->rights;
	if (!user && (fetch ? p->cr4 & CR4_SMEP : p->cr4 & CR4_SMAP && !ac))
		w->rights_mask |= PTE_U;
}

/* ---- The walk ------------------------------------------------------------------------------- */

/* Which bits beside w->reserved must be 0, in an entry for `size` bytes: a page, or a table? */
static u64 reserved_here(const struct guest_walk *w, u64 size, bool maps)
{
	if (!maps)	/* with PS it would map a page that there is not */
		return w->format->entry_size == 8 ? PTE_PS : 0;
	if (size == PAGE_SIZE)
		return 0;
	return size == MiB(4) ? w->vm->limits.reserved_4m : (size - 1) & ~(BIT(13) - 1);
}

/* The address in an entry, which maps `size` bytes. A 4 MiB page has bits 39:32 in 20:13. */
static u64 page_address(u64 entry, u64 size)
{
	u64 high = size == MiB(4) ? (entry & 0x1fe000) << 19 : 0;

	return high | (entry & PTE_ADDR & ~(size - 1));
}

/*
 * A translation has been found, at `level`: set A in each entry that has no A yet, and D in the
 * last one if this is a write (4.8).
 */
static int set_accessed_dirty(const struct guest_walk *w, u32 level)
{
	for (u32 i = w->format->levels; i >= level; i--) {
		u64 old = w->step[i].entry;
		u64 new = old | PTE_A | (i == level && w->write ? PTE_D : 0);
		int err = 0;

		if (new != old)
			err = gmem_update_entry(w->vm, w->step[i].at, w->format->entry_size, old,
						new);
		if (err)
			return err == -EFAULT ? -ENXIO : err;
	}
	return 0;
}

int guest_walk(struct guest_walk *w, gpa_t *out)
{
	const struct walk_format *f = w->format;
	u64 table = w->root, granted = ~0ull, size, e;
	u32 level = f->levels;
	bool maps;
	int err;

	for (;; level--) {
		u32 shift = PAGE_SHIFT + f->index_bits * (level - 1);
		u64 index = w->linear >> shift & (BIT(f->index_bits) - 1);

		size = BIT(shift);
		w->step[level].at = gpa(table + index * f->entry_size);
		err = gmem_read_entry(w->vm, w->step[level].at, f->entry_size, &e);
		if (err)
			return err == -EFAULT ? -ENXIO : err;
		if (!(e & PTE_P))
			return -EFAULT;
		w->step[level].entry = e;
		maps = level == 1 || (e & PTE_PS && w->large & size);
		if (e & (w->reserved | reserved_here(w, size, maps))) {
			w->error |= PF_P | PF_RSVD;
			return -EFAULT;
		}
		granted &= e ^ PTE_NX;
		if (maps)
			break;
		table = e & PTE_ADDR;
	}
	if ((granted & w->rights_mask) != w->rights) {
		w->error |= PF_P;
		return -EFAULT;
	}
	*out = gpa(page_address(e, size) | (w->linear & (size - 1)));
	return set_accessed_dirty(w, level);
}

int guest_translate(struct vcpu *v, gva_t at, u32 access, gpa_t *out, u32 *error)
{
	struct guest_walk w;
	struct hvm_paging p;
	int err = -EAGAIN;

	v->vm->ops->get_paging(v, &p);
	if (!(p.cr0 & CR0_PG)) {
		*out = gpa((u32)at.v);
		return 0;
	}
	if (p.efer & EFER_LMA && (u64)((s64)(at.v << 16) >> 16) != at.v)
		return -EINVAL;
	w.vm = v->vm;
	w.linear = at.v;
	for (u32 i = 0; i < TRIES && err == -EAGAIN; i++) {
		choose_rights(&w, &p, access);
		err = choose_format(&w, &p);
		if (!err)
			err = guest_walk(&w, out);
	}
	*error = w.error;
	return err == -EAGAIN ? -EFAULT : err;	/* as if the entry had just been absent */
}
