/**
 * @file p2m_lazy.h
 * Guest memory that takes host memory only where somebody has used it: a page is allocated, zeroed
 * and mapped when the guest, or mm/gmem.c for the host, first touches it.
 */
#ifndef MM_P2M_LAZY_H
#define MM_P2M_LAZY_H

#include "core/vm.h"
#include "mm/types.h"

struct hvm_violation;

/** @return the stretch of guest memory that `at` is in; NULL: none */
struct region *p2m_region(struct vm *vm, gpa_t at);

/** See hv_gpa_map_lazy(). */
int p2m_lazy_map(struct vm *vm, gpa_t at, u64 size, u32 prot);
/** See hv_gpa_unmap(). */
int p2m_lazy_unmap(struct vm *vm, gpa_t at, u64 size);
/** Free all memory and all tables of a VM that is `paged`. */
void p2m_lazy_fini(struct vm *vm);

/**
 * Where the byte at `at` is in the host; its page is made if it is not there yet, and a write is
 * noted in the log of dirty pages.
 * @param write  the byte is about to be written to
 * @param out    the byte's address; the rest of its 4-KiB page is behind it
 * @return -EFAULT: no memory there; -ENOSPC: no page left for tables; -ENOMEM
 */
int p2m_lazy_touch(struct vm *vm, gpa_t at, bool write, hpa_t *out);

/**
 * Deal with HV_EXIT_MEMORY of a VM that is `paged`.
 * @return true: what was missing is there, let the guest try again; false: there is no such memory,
 *         or x->reason is HV_EXIT_POOL or HV_EXIT_NO_MEMORY now
 */
bool p2m_violation(struct vcpu *v, struct hv_exit *x, const struct hvm_violation *why);

#endif
