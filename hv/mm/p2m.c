/* See p2m.h. */
#include "mm/p2m.h"

#include "core/panic.h"
#include "hvm/hvm.h"
#include "lib/lab.h"
#include "mm/pmm.h"

#define TOP_LEVEL	4
#define ENTRIES		512

/**
 * Which entry of a table at `level`, 1 to 4, is the one for `at`: 0 to 511. The drawing in p2m.h
 * shows the bits that say so.
 */
static u32 index_of(gpa_t at, unsigned int level)
{
	return at.v >> (PAGE_SHIFT + 9 * (level - 1)) & (ENTRIES - 1);
}

/* Is there a page of this size, and is `v` a multiple of it? */
static bool page_ok(u64 v, unsigned int level)
{
	return level >= 1 && level <= (hvm_caps.page_1g ? 3 : 2) && v % pte_span(level) == 0;
}

/* ---- The pool ------------------------------------------------------------------------------- */

/*
 * Take a page from the pool for a table, all of whose entries are 0.
 * @return -ENOSPC: the pool is empty; -ENOMEM: the host has no page left
 */
__maybe_unused static int table_alloc(struct vm *vm, hpa_t *out)
{
	void *page;

	if (vm->p2m_pages >= vm->p2m_limit)
		return -ENOSPC;
	page = page_alloc();
	if (!page)
		return -ENOMEM;
	vm->p2m_pages++;
	*out = virt_to_phys(page);
	return 0;
}

/* Free the table at `at`, whose level is `level`, after all those below it. Pages are not freed. */
static void table_free(struct vm *vm, hpa_t at, unsigned int level)
{
	const u64 *table = phys_to_virt(at);

	for (u32 i = 0; level > 1 && i < ENTRIES; i++) {
		struct pte p;

		if (!table[i])
			continue;
		p = vm->ops->pte_decode(table[i], level);
		if (p.prot && !p.leaf)
			table_free(vm, p.hpa, level - 1);
	}
	page_free(phys_to_virt(at));
	vm->p2m_pages--;
}

void p2m_free_tables(struct vm *vm)
{
	table_free(vm, vm->p2m_root, TOP_LEVEL);
	ASSERT(vm->p2m_pages == 0);
}

/* Does a table at `level`, or one below it, map a page? */
__maybe_unused static bool maps_pages(const struct vm *vm, hpa_t at, unsigned int level)
{
	const u64 *table = phys_to_virt(at);

	for (u32 i = 0; i < ENTRIES; i++) {
		struct pte p = vm->ops->pte_decode(table[i], level);

		if (p.prot && (p.leaf || maps_pages(vm, p.hpa, level - 1)))
			return true;
	}
	return false;
}

/* ---- Entries -------------------------------------------------------------------------------- */

/**
 * Walk from the root table, at vm->p2m_root, towards the entry for `at` in a table at `level`, 1 to
 * 4. The walk ends at that entry, or before, at the first one on the way that is not present or is
 * a leaf. It returns where it has ended: the entry itself, the level of its table, and what the
 * entry says according to vm->ops->pte_decode(). Nothing is changed.
 *
 * Tables lie at host physical addresses; phys_to_virt() tells where we can read them. An entry that
 * is present, and no leaf, has the address of the table one level below. One that is not present
 * may have any bits.
 */
struct p2m_walk p2m_walk(const struct vm *vm, gpa_t at, unsigned int level)
{
	struct p2m_walk w = { .level = TOP_LEVEL };
	hpa_t table = vm->p2m_root;

	for (;;) {
		w.entry = (u64 *)phys_to_virt(table) + index_of(at, w.level);
		w.pte = vm->ops->pte_decode(*w.entry, w.level);
		if (w.level == level || !w.pte.prot || w.pte.leaf)
			return w;
		table = w.pte.hpa;
		w.level--;
	}
}

bool p2m_next(const struct vm *vm, gpa_t *at, u64 end, struct p2m_walk *w)
{
	while (at->v < end) {
		u64 span;

		*w = p2m_walk(vm, *at, 1);
		if (w->pte.prot)
			return true;
		span = pte_span(w->level);
		do {			/* the rest of this table need not be walked to */
			at->v = ROUND_DOWN(at->v, span) + span;
			w->entry++;
		} while (at->v < end && index_of(*at, w->level) && !*w->entry);
	}
	return false;
}

/**
 * An entry changes from `old` to `new`. May a CPU that has cached `old` go on with it? CPUs cache
 * leaves and tables, but no entries that are not present. So:
 *
 * - It may if `old` was not present.
 * - It may if it only allows less: then an access faults that need not, the hypervisor finds
 *   nothing amiss in the tables, and the next time it works. So rights may be added.
 * - Likewise accessed and dirty may be set, but not be cleared: with a cached 1 the CPU would not
 *   set them again.
 * - It may not if anything else is different: address, leaf or table, memory type, rights taken.
 */
static bool still_true(const struct pte *old, const struct pte *new)
{
	if (!old->prot)
		return true;
	return old->hpa.v == new->hpa.v && old->leaf == new->leaf && old->type == new->type &&
	       !(old->prot & ~new->prot) && old->accessed <= new->accessed &&
	       old->dirty <= new->dirty;
}

/**
 * Encode `new` for the level where the walk `w` has ended, with vm->ops->pte_encode(), and write it
 * to the walk's entry. If what CPUs may have cached of the old one, w->pte, is not still_true(),
 * call p2m_changed(), once: each vCPU flushes before its next entry. Else don't, as a flush is
 * dear. At last w->pte is `new`.
 */
void p2m_set(struct vm *vm, struct p2m_walk *w, struct pte new)
{
	*w->entry = vm->ops->pte_encode(new, w->level);
	if (!still_true(&w->pte, &new))
		p2m_changed(vm);
	w->pte = new;
}

/**
 * Put a new, empty table where the walk `w` has ended, at an entry that is not present. The entry
 * allows everything: what a page allows is said in the page's own entry. Entries are changed with
 * p2m_set() only.
 * @return what table_alloc() says; if that is an error, nothing has changed
 */
static int table_add(struct vm *vm, struct p2m_walk *w)
{
	struct pte table = { .prot = HV_PROT_ALL };
	int err = table_alloc(vm, &table.hpa);

	if (!err)
		p2m_set(vm, w, table);
	return err;
}

/**
 * Make a table of the leaf, at level 2 or 3, where the walk `w` has ended: 512 leaves of the next
 * smaller size, which map the same memory in the same order, with the same rights and type.
 * Accessed and dirty are the same, too: what was used may have been any of them. The table is
 * written in full before the entry points to it, with p2m_set(): a CPU may walk at any time, and
 * must not find a hole. The entry of the table allows everything.
 * @return what table_alloc() says; if that is an error, nothing has changed
 */
static int split(struct vm *vm, struct p2m_walk *w)
{
	struct pte table = { .prot = HV_PROT_ALL }, small = w->pte;
	int err = table_alloc(vm, &table.hpa);

	if (err)
		return err;
	for (u32 i = 0; i < ENTRIES; i++) {
		((u64 *)phys_to_virt(table.hpa))[i] = vm->ops->pte_encode(small, w->level - 1);
		small.hpa.v += pte_span(w->level - 1);
	}
	p2m_set(vm, w, table);
	return 0;
}

/*
 * Go on with the walk `w` towards `at`, down to `level`: add tables that are missing, split pages
 * that are larger. What was added or split before an error stays so, as it does no harm.
 */
__maybe_unused static int reach(struct vm *vm, gpa_t at, unsigned int level, struct p2m_walk *w)
{
	while (w->level > level) {
		int err = w->pte.prot ? split(vm, w) : table_add(vm, w);

		if (err)
			return err;
		*w = p2m_walk(vm, at, level);
	}
	return 0;
}

/* ---- Pages ---------------------------------------------------------------------------------- */

/**
 * Map a page of pte_span(level) bytes, which nobody has used yet, from `at` to `to`.
 *
 * First, and before anything changes: -EINVAL unless there is a page of that size and both
 * addresses are multiples of it (page_ok() knows), `at` is below 2^48, and `prot` has HV_PROT_READ.
 * Then -EEXIST if a byte of the page is mapped already: by a larger page, by one of this size, or
 * by a smaller one (maps_pages() finds these).
 *
 * reach() adds tables on the way; what it says is returned. Where the page goes there may be a
 * table that maps nothing, as smaller pages have left it. The page takes its place, and then the
 * table is freed, with those below it: not before, as a CPU could still walk there.
 */
int p2m_map(struct vm *vm, gpa_t at, hpa_t to, unsigned int level, u32 prot, enum memtype type)
{
	struct p2m_walk w = p2m_walk(vm, at, level);
	struct pte old;
	int err;

	if (!page_ok(at.v | to.v, level) || at.v >> 48 || !(prot & HV_PROT_READ))
		return -EINVAL;
	if (w.pte.prot && w.pte.leaf)
		return -EEXIST;
	err = reach(vm, at, level, &w);
	if (err)
		return err;
	old = w.pte;	/* what may be here is a table, left by smaller pages */
	if (old.prot && maps_pages(vm, old.hpa, level - 1))
		return -EEXIST;
	p2m_set(vm, &w, (struct pte){ .hpa = to, .prot = prot, .leaf = true, .type = type });
	if (old.prot)
		table_free(vm, old.hpa, level - 1);
	return 0;
}

/**
 * Let nothing be mapped in the pte_span(level) bytes at `at`.
 *
 * First -EINVAL unless there is a page of that size, `at` is a multiple of it (page_ok() knows),
 * and `at` is below 2^48. Where nothing is mapped nothing changes, and no table is added: 0. Of a
 * larger page only these bytes go, so reach() splits it; what that says is returned. Then the entry
 * becomes one that is not present. If it was a table's, that is freed afterwards, with all below
 * it; of a page only the mapping goes, since the memory is the caller's. Tables above stay, even if
 * they are empty.
 */
int p2m_unmap(struct vm *vm, gpa_t at, unsigned int level)
{
	struct p2m_walk w = p2m_walk(vm, at, level);
	struct pte old;
	int err;

	if (!page_ok(at.v, level) || at.v >> 48)
		return -EINVAL;
	if (!w.pte.prot)
		return 0;
	err = reach(vm, at, level, &w);
	if (err)
		return err;
	old = w.pte;
	p2m_set(vm, &w, (struct pte){ .prot = 0 });
	if (!old.leaf)
		table_free(vm, old.hpa, level - 1);
	return 0;
}

int p2m_protect(struct vm *vm, gpa_t at, u64 size, u32 prot)
{
	u64 end = at.v + size;
	struct p2m_walk w;

	if ((at.v | size) % PAGE_SIZE || end < at.v || end > BIT(48) || !(prot & HV_PROT_READ))
		return -EINVAL;
	while (p2m_next(vm, &at, end, &w)) {
		u64 span = pte_span(w.level);
		struct pte new = w.pte;
		int err;

		if (at.v % span == 0 && span <= end - at.v) {
			new.prot = prot;
			p2m_set(vm, &w, new);
			at.v += span;
			continue;
		}
		err = split(vm, &w);
		if (err)
			return err;
	}
	return 0;
}

int p2m_split(struct vm *vm, gpa_t at)
{
	struct p2m_walk w = p2m_walk(vm, at, 1);

	if (!w.pte.prot)
		return -ENOENT;
	return w.level == 1 ? -EINVAL : split(vm, &w);
}

int p2m_merge(struct vm *vm, gpa_t at, unsigned int level)
{
	struct p2m_walk w = p2m_walk(vm, at, level);
	hpa_t table = w.pte.hpa;
	struct pte big;

	if (level < 2 || !page_ok(0, level) || w.level != level || !w.pte.prot || w.pte.leaf)
		return -EINVAL;
	big = vm->ops->pte_decode(*(u64 *)phys_to_virt(table), level - 1);
	if (!big.prot || !big.leaf || big.hpa.v % pte_span(level))
		return -EINVAL;
	for (u64 i = 1; i < ENTRIES; i++) {
		struct pte p = vm->ops->pte_decode(((u64 *)phys_to_virt(table))[i], level - 1);

		if (!p.leaf || p.prot != big.prot || p.type != big.type ||
		    p.hpa.v != big.hpa.v + i * pte_span(level - 1))
			return -EINVAL;
		big.accessed |= p.accessed;
		big.dirty |= p.dirty;
	}
	p2m_set(vm, &w, big);
	table_free(vm, table, level - 1);
	return 0;
}

int p2m_age(struct vm *vm, gpa_t at, bool *accessed, bool *dirty)
{
	struct p2m_walk w = p2m_walk(vm, at, 1);
	struct pte new = w.pte;

	if (!w.pte.prot)
		return -ENOENT;
	*accessed = new.accessed;
	*dirty = new.dirty;
	new.accessed = new.dirty = false;
	p2m_set(vm, &w, new);
	return 0;
}
