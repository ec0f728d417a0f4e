/* See p2m_lazy.h. */
#include "mm/p2m_lazy.h"

#include "core/panic.h"
#include "hvm/hvm.h"
#include "lib/lab.h"
#include "lib/string.h"
#include "mm/p2m.h"
#include "mm/p2m_dirty.h"
#include "mm/pmm.h"

#define MAX_GPA		BIT(46)

struct region *p2m_region(struct vm *vm, gpa_t at)
{
	for (u32 i = 0; i < HV_MAX_REGIONS; i++) {
		struct region *r = &vm->region[i];

		if (r->size && at.v - r->gpa.v < r->size)
			return r;
	}
	return NULL;
}

/* ---- Regions -------------------------------------------------------------------------------- */

/* Most tables that `size` bytes can need: all of it in 4-KiB pages, and the edges anywhere. */
static u64 tables_for(u64 size)
{
	u64 tables = 0;

	for (unsigned int level = 2; level <= 4; level++)
		tables += size / pte_span(level) + 2;
	return tables;
}

int p2m_lazy_map(struct vm *vm, gpa_t at, u64 size, u32 prot)
{
	struct region *slot = NULL;

	if (!size || (at.v | size) % PAGE_SIZE || at.v >= MAX_GPA || size > MAX_GPA - at.v)
		return -EINVAL;
	for (u32 i = 0; i < HV_MAX_REGIONS; i++) {
		struct region *r = &vm->region[i];

		if (!r->size)
			slot = slot ? slot : r;
		else if (!vm->paged)
			return -EBUSY;
		else if (at.v < r->gpa.v + r->size && r->gpa.v < at.v + size)
			return -EEXIST;
	}
	if (!vm->paged && vm->vcpu_count)
		return -EBUSY;		/* what vCPUs know of the tables depends on `paged` */
	if (!slot)
		return -ENOSPC;
	vm->paged = true;
	if (vm->config.pool)
		vm->p2m_limit = vm->config.pool;
	else
		vm->p2m_limit += tables_for(size) + 1;
	*slot = (struct region){ .gpa = at, .size = size, .prot = prot };
	return 0;
}

/* The memory itself; the tables stay. */
static void region_free(struct vm *vm, struct region *r)
{
	gpa_t at = r->gpa;
	struct p2m_walk w;

	while (p2m_next(vm, &at, r->gpa.v + r->size, &w)) {
		int err = p2m_unmap(vm, at, w.level);

		ASSERT(!err && w.level == 1);
		page_free(phys_to_virt(w.pte.hpa));
	}
	*r = (struct region){ .size = 0 };
}

int p2m_lazy_unmap(struct vm *vm, gpa_t at, u64 size)
{
	struct region *r = p2m_region(vm, at);

	if (!r || r->gpa.v != at.v || r->size != size)
		return -ENOENT;
	if (vm->dirty.map && p2m_region(vm, vm->dirty.start) == r)
		return -EBUSY;
	region_free(vm, r);
	return 0;
}

void p2m_lazy_fini(struct vm *vm)
{
	p2m_dirty_stop(vm);
	for (u32 i = 0; i < HV_MAX_REGIONS; i++) {
		if (vm->region[i].size)
			region_free(vm, &vm->region[i]);
	}
	p2m_free_tables(vm);
}

/* ---- On first touch ------------------------------------------------------------------------- */

/* What a page of `r` may be used for now: not for a write that the log has to note first. */
__maybe_unused static u32 rights(const struct vm *vm, const struct region *r, gpa_t at)
{
	return p2m_dirty_clean(vm, at) ? r->prot & ~(u32)HV_PROT_WRITE : r->prot;
}

/**
 * Give the guest a page where it has none yet: at `at`, which is somewhere in the page, with the
 * rights `prot`, as write-back memory. The page comes from page_alloc_raw(), so it may still have
 * in it what somebody else has left there; the guest must find zeros. *out is its address.
 *
 * @return -ENOMEM: the host has no page; or the error of p2m_map(), and then the page is free again
 */
__maybe_unused static int populate(struct vm *vm, gpa_t at, u32 prot, hpa_t *out)
{
	void *page = page_alloc_raw();
	int err;

	if (!page)
		return -ENOMEM;
	memset(page, 0, PAGE_SIZE);
	*out = virt_to_phys(page);
	err = p2m_map(vm, gpa(ROUND_DOWN(at.v, PAGE_SIZE)), *out, 1, prot, MEMTYPE_WB);
	if (err)
		page_free(page);
	return err;
}

/**
 * Where the byte at `at`, in the region `r`, is in the host: *out. p2m_walk() knows if its page is
 * there; if it is not, populate() makes it, with the rights that rights() names. A page may be
 * larger than 4 KiB, and the byte need not be its first.
 *
 * @return the error of populate(), and *out does not count
 */
static int find_or_make(struct vm *vm, const struct region *r, gpa_t at, hpa_t *out)
{
	struct p2m_walk w = p2m_walk(vm, at, 1);

	if (!w.pte.prot) {
		int err = populate(vm, at, rights(vm, r, at), &w.pte.hpa);

		if (err)
			return err;
		w.level = 1;
	}
	*out = hpa(w.pte.hpa.v + at.v % pte_span(w.level));
	return 0;
}

int p2m_lazy_touch(struct vm *vm, gpa_t at, bool write, hpa_t *out)
{
	const struct region *r = p2m_region(vm, at);
	int err = r ? find_or_make(vm, r, at, out) : -EFAULT;

	return err || !write || !p2m_dirty_clean(vm, at) ? err : p2m_dirty_note(vm, at, r->prot);
}

/**
 * The guest has made an access for which its second-level tables have no translation, or none that
 * allows it: at x->memory.gpa, and `why` says which access. See to it that the guest can do it now,
 * by p2m_lazy_touch(), and return true: then it tries again.
 *
 * Return false, and do nothing, where p2m_region() has no memory, and where the region's `prot`
 * lacks a right for the access: the outside decides then. If the memory can't be had, return false,
 * too, and say why in x->reason: HV_EXIT_POOL when p2m_lazy_touch() has failed with -ENOSPC,
 * HV_EXIT_NO_MEMORY when it has with anything else.
 */
bool p2m_violation(struct vcpu *v, struct hv_exit *x, const struct hvm_violation *why)
{
	gpa_t at = gpa(x->memory.gpa);
	const struct region *r = p2m_region(v->vm, at);
	hpa_t page;
	int err;

	if (!r || why->access & ~r->prot)
		return false;
	err = p2m_lazy_touch(v->vm, at, why->access & HV_PROT_WRITE, &page);
	if (err)
		x->reason = err == -ENOSPC ? HV_EXIT_POOL : HV_EXIT_NO_MEMORY;
	return !err;
}
