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

/** Where most of a guest's memory is in the host, for a number of quick reads. */
struct gmem_window {
	u64 start, size;	/**< guest physical; size 0: it is in many pieces */
	const u8 *host;
};

static inline struct gmem_window gmem_window(const struct vm *vm)
{
	const struct region *r = &vm->region[0];

	return (struct gmem_window){ r->gpa.v, vm->paged ? 0 : r->size, phys_to_virt(r->hpa) };
}

/** How often gmem_read_entry_anywhere() was called. */
extern u64 gmem_entry_reads;

/** gmem_read_entry() outside the window. */
int gmem_read_entry_anywhere(struct vm *vm, gpa_t at, u32 size, u64 *value);

/**
 * Read an entry of one of the guest's tables, in one access. The same as gmem_read(), but quick.
 * @param window  gmem_window(vm)
 * @param at      a multiple of `size`
 * @param size    4 or 8 bytes
 * @return see gmem_read()
 */
static inline int gmem_read_entry(struct vm *vm, const struct gmem_window *window, gpa_t at,
				  u32 size, u64 *value)
{
	u64 offset = at.v - window->start;

	if (offset >= window->size)
		return gmem_read_entry_anywhere(vm, at, size, value);
	*value = size == 8 ? *(const volatile u64 *)(window->host + offset) :
			     *(const volatile u32 *)(window->host + offset);
	return 0;
}

/**
 * Where the guest's memory at `at` is in the host; the rest of its 4-KiB page is behind it. True as
 * long as vm->p2m_generation stays.
 * @return NULL: nothing is there
 */
const void *gmem_pointer(struct vm *vm, gpa_t at);

/**
 * Change such an entry as the CPU does it: only if it still is what was read, and in memory that
 * the guest may write to.
 * @return -EAGAIN: it is something else by now; -EFAULT, -ENOMEM, -ENOSPC: see gmem_write()
 */
int gmem_update_entry(struct vm *vm, gpa_t at, u32 size, u64 old, u64 new);

#endif
