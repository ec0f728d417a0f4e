/* See p2m.h. */
#include "mm/p2m.h"

#include "core/panic.h"
#include "hvm/hvm.h"
#include "mm/pmm.h"

#define TOP_LEVEL	4
#define ENTRIES		512

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

static int table_alloc(struct vm *vm, hpa_t *out)
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

/* Free a table at `level`, after all those below it. */
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
static bool maps_pages(const struct vm *vm, hpa_t at, unsigned int level)
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

/*
 * May a CPU that has cached the translation `old` go on with it? It may when there was none, as
 * none is cached; and when it only allows less than `new`: the access that it denies faults, finds
 * nothing amiss in the tables, and works the next time.
 */
static bool still_true(const struct pte *old, const struct pte *new)
{
	if (!old->prot)
		return true;
	return old->hpa.v == new->hpa.v && old->leaf == new->leaf && old->type == new->type &&
	       !(old->prot & ~new->prot) && old->accessed <= new->accessed &&
	       old->dirty <= new->dirty;
}

void p2m_set(struct vm *vm, struct p2m_walk *w, struct pte new)
{
	*w->entry = vm->ops->pte_encode(new, w->level);
	if (!still_true(&w->pte, &new))
		p2m_changed(vm);
	w->pte = new;
}

static int table_add(struct vm *vm, struct p2m_walk *w)
{
	struct pte table = { .prot = HV_PROT_ALL };
	int err = table_alloc(vm, &table.hpa);

	if (!err)
		p2m_set(vm, w, table);
	return err;
}

/* A leaf becomes a table of smaller ones. What was accessed or dirty may have been any of them. */
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

/* Go on with a walk, down to `level`: add tables that are missing, split pages that are larger. */
static int reach(struct vm *vm, gpa_t at, unsigned int level, struct p2m_walk *w)
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
