/**
 * @file gmem.h
 * The gate: every access to guest memory goes through these. They check range, wrap and holes,
 * cross page and region borders, and copy, so that each guest value is read once.
 */
#ifndef MM_GMEM_H
#define MM_GMEM_H

#include "core/vm.h"
#include "mm/pmm.h"

/**
 * Copy `size` bytes from guest memory. All or nothing.
 * @return -EFAULT: not all of it is memory; -ENOMEM, -ENOSPC: see p2m_lazy_touch()
 */
int gmem_read(struct vm *vm, gpa_t gpa, void *buf, u64 size);
/** Copy `size` bytes to guest memory. The same holds. */
int gmem_write(struct vm *vm, gpa_t gpa, const void *buf, u64 size);

/** gmem_read_entry() for all cases. */
int gmem_read_entry_anywhere(struct vm *vm, gpa_t at, u32 size, u64 *value);

/**
 * Read an entry of one of the guest's tables, in one access. The same as gmem_read(), but quick.
 * @param at    a multiple of `size`
 * @param size  4 or 8 bytes
 * @return see gmem_read()
 */
static inline int gmem_read_entry(struct vm *vm, gpa_t at, u32 size, u64 *value)
{
	const struct region *r = &vm->region[0];	/* most of a guest's memory */
	u64 offset = at.v - r->gpa.v;
	const void *p;

	if (vm->paged || offset >= r->size)
		return gmem_read_entry_anywhere(vm, at, size, value);
	p = phys_to_virt(hpa(r->hpa.v + offset));
	*value = size == 8 ? *(const volatile u64 *)p : *(const volatile u32 *)p;
	return 0;
}

/**
 * Change such an entry as the CPU does it: only if it still is what was read, and in memory that
 * the guest may write to.
 * @return -EAGAIN: it is something else by now; -EFAULT, -ENOMEM, -ENOSPC: see gmem_write()
 */
int gmem_update_entry(struct vm *vm, gpa_t at, u32 size, u64 old, u64 new);

#endif
