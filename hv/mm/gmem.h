/**
 * @file gmem.h
 * The gate: every access to guest memory goes through these two. They check range, wrap and
 * holes, cross page and region borders, and copy, so that each guest value is read once.
 */
#ifndef MM_GMEM_H
#define MM_GMEM_H

#include "core/vm.h"

/**
 * Copy `size` bytes from guest memory. All or nothing.
 * @return -EFAULT: not all of it is memory; -ENOMEM, -ENOSPC: see p2m_lazy_touch()
 */
int gmem_read(struct vm *vm, gpa_t gpa, void *buf, u64 size);
/** Copy `size` bytes to guest memory. The same holds. */
int gmem_write(struct vm *vm, gpa_t gpa, const void *buf, u64 size);

#endif
