/* See p2m_lazy.h. */
#include "mm/p2m_lazy.h"

#include "core/panic.h"
#include "hvm/hvm.h"
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

/* Give the guest a page. While writes to it are to be noted, it can only be read. */
static int populate(struct vm *vm, const struct region *r, gpa_t at, hpa_t *out)
{
	u32 prot = p2m_dirty_clean(vm, at) ? r->prot & ~(u32)HV_PROT_WRITE : r->prot;
	void *page = page_alloc();
	int err;

	if (!page)
		return -ENOMEM;
	*out = virt_to_phys(page);
	err = p2m_map(vm, gpa(ROUND_DOWN(at.v, PAGE_SIZE)), *out, 1, prot, MEMTYPE_WB);
	if (err)
		page_free(page);
	return err;
}

int p2m_lazy_touch(struct vm *vm, gpa_t at, bool write, hpa_t *out)
{
	const struct region *r = p2m_region(vm, at);
	struct p2m_walk w = p2m_walk(vm, at, 1);

	if (!r)
		return -EFAULT;
	if (!w.pte.prot) {
		int err = populate(vm, r, at, &w.pte.hpa);

		if (err)
			return err;
		w.level = 1;
	}
	*out = hpa(w.pte.hpa.v + at.v % pte_span(w.level));
	return write && p2m_dirty_clean(vm, at) ? p2m_dirty_note(vm, at, r->prot) : 0;
}

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
