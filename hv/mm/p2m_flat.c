/* See p2m_flat.h. */
#include "mm/p2m_flat.h"

#include "core/panic.h"
#include "hvm/hvm.h"
#include "lib/string.h"
#include "mm/p2m.h"
#include "mm/pmm.h"

#define LEVELS		4
#define TOP_LEVEL	LEVELS
#define ADDR		0x000ffffffffff000ull	/* the same in NPT and EPT */
#define MAX_GPA		BIT(46)

/* Bits of a guest physical address that select the entry at `level`. */
static u32 index_of(u64 gpa, unsigned int level)
{
	return gpa >> (PAGE_SHIFT + 9 * (level - 1)) & 511;
}

static u64 page_size(unsigned int level)
{
	return PAGE_SIZE << 9 * (level - 1);
}

/* The entry for `gpa` at `level`. A table above it that is missing is made, or ends the search. */
static u64 *entry(struct vm *vm, u64 gpa, unsigned int level, bool make)
{
	u64 *table = phys_to_virt(vm->p2m_root);

	for (unsigned int l = TOP_LEVEL; l > level; l--) {
		u64 *e = &table[index_of(gpa, l)];

		if (!*e) {
			void *page = make ? page_alloc() : NULL;

			if (!page)
				return NULL;
			vm->p2m_pages++;
			*e = vm->ops->pte(virt_to_phys(page), l, false, HV_PROT_ALL);
		}
		table = phys_to_virt(hpa(*e & ADDR));
	}
	return &table[index_of(gpa, level)];
}

/* The largest page that fits here. 1 GiB pages would save little: nobody has that much yet. */
static unsigned int level_for(u64 gpa, u64 pa, u64 size)
{
	return !((gpa | pa) % PAGE_SIZE_2M) && size >= PAGE_SIZE_2M ? 2 : 1;
}

/* The first `size` bytes of the region. */
static void unmap_range(struct vm *vm, const struct region *r, u64 size)
{
	for (u64 off = 0; off < size;) {
		unsigned int level = level_for(r->gpa.v + off, r->hpa.v + off, r->size - off);
		u64 *e = entry(vm, r->gpa.v + off, level, false);

		if (e)
			*e = 0;
		off += page_size(level);
	}
	p2m_changed(vm);
}

static int map_range(struct vm *vm, const struct region *r)
{
	for (u64 off = 0; off < r->size;) {
		u64 pa = r->hpa.v + off;
		unsigned int level = level_for(r->gpa.v + off, pa, r->size - off);
		u64 *e = entry(vm, r->gpa.v + off, level, true), old;

		if (!e) {
			unmap_range(vm, r, off);
			return -ENOMEM;
		}
		old = *e;
		*e = vm->ops->pte(hpa(pa), level, true, r->prot);
		if (level > 1 && old) {	/* an empty table, left by smaller pages */
			p2m_changed(vm);
			page_free(phys_to_virt(hpa(old & ADDR)));
			vm->p2m_pages--;
		}
		off += page_size(level);
	}
	return 0;
}

static void region_free(struct vm *vm, struct region *r)
{
	unmap_range(vm, r, r->size);
	pmm_free(phys_to_virt(r->hpa), r->size / PAGE_SIZE);
	*r = (struct region){ .size = 0 };
}

int p2m_flat_init(struct vm *vm)
{
	void *root = page_alloc();

	if (!root)
		return -ENOMEM;
	vm->p2m_root = virt_to_phys(root);
	vm->p2m_pages = 1;
	return 0;
}

/* The order of the tables below a table: depth first. Leaves are gone by now. */
static void tables_free(struct vm *vm, u64 *table, unsigned int level)
{
	for (u32 i = 0; level > 1 && i < 512; i++) {
		if (table[i])
			tables_free(vm, phys_to_virt(hpa(table[i] & ADDR)), level - 1);
	}
	page_free(table);
	vm->p2m_pages--;
}

void p2m_flat_fini(struct vm *vm)
{
	for (u32 i = 0; i < HV_MAX_REGIONS; i++) {
		if (vm->region[i].size)
			region_free(vm, &vm->region[i]);
	}
	tables_free(vm, phys_to_virt(vm->p2m_root), TOP_LEVEL);
	ASSERT(vm->p2m_pages == 0);
}

int p2m_flat_map(struct vm *vm, gpa_t gpa, u64 size, u32 prot)
{
	struct region *slot = NULL;
	void *mem;
	int err;

	if (!size || (gpa.v | size) % PAGE_SIZE || gpa.v >= MAX_GPA || size > MAX_GPA - gpa.v)
		return -EINVAL;
	for (u32 i = 0; i < HV_MAX_REGIONS; i++) {
		struct region *r = &vm->region[i];

		if (!r->size)
			slot = slot ? slot : r;
		else if (gpa.v < r->gpa.v + r->size && r->gpa.v < gpa.v + size)
			return -EEXIST;
	}
	if (!slot)
		return -ENOSPC;
	mem = pmm_alloc(size / PAGE_SIZE, size >= PAGE_SIZE_2M ? PAGE_SIZE_2M : PAGE_SIZE);
	if (!mem)
		return -ENOMEM;
	*slot = (struct region){ .gpa = gpa, .hpa = virt_to_phys(mem), .size = size, .prot = prot };
	err = map_range(vm, slot);
	if (err) {
		pmm_free(mem, size / PAGE_SIZE);
		slot->size = 0;
	}
	return err;
}

int p2m_flat_unmap(struct vm *vm, gpa_t gpa, u64 size)
{
	for (u32 i = 0; i < HV_MAX_REGIONS; i++) {
		struct region *r = &vm->region[i];

		if (r->size && r->gpa.v == gpa.v && r->size == size) {
			region_free(vm, r);
			return 0;
		}
	}
	return -ENOENT;
}
