/**
 * @file p2m_dirty.h
 * The log of dirty pages: which pages of a range have been written to. As long as a page in the
 * range is clean, the guest may not write to it; the first write is an exit that notes the page and
 * allows the others. See hv_dirty_start() and the like in api.h for the first three.
 */
#ifndef MM_P2M_DIRTY_H
#define MM_P2M_DIRTY_H

#include "core/vm.h"
#include "mm/types.h"

int p2m_dirty_start(struct vm *vm, gpa_t at, u64 size);
s64 p2m_dirty_read(struct vm *vm, gpa_t at, u64 size, u64 *bitmap);
int p2m_dirty_stop(struct vm *vm);

/** p2m_dirty_clean() for a log that there is. */
bool p2m_dirty_waits(const struct dirty_log *log, gpa_t at);
/** Is the page of `at` in the range of a log, and clean? Then it must not be writable. */
static inline bool p2m_dirty_clean(const struct vm *vm, gpa_t at)
{
	return vm->dirty.map && p2m_dirty_waits(&vm->dirty, at);
}
/**
 * A clean page is about to be written to: note it; it gets the rights `prot`.
 * @return -ENOSPC, -ENOMEM: it is part of a large one, and no table is left
 */
int p2m_dirty_note(struct vm *vm, gpa_t at, u32 prot);

#endif
