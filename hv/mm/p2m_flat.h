/**
 * @file p2m_flat.h
 * Guest memory that is contiguous in the host and fixed when it is mapped. Simple and fast; what a
 * statically partitioned system wants. Tables and memory are the VM's own and die with it.
 */
#ifndef MM_P2M_FLAT_H
#define MM_P2M_FLAT_H

#include "core/vm.h"

/** Allocate the root table. @return -ENOMEM */
int p2m_flat_init(struct vm *vm);
/** Free all tables and all memory. */
void p2m_flat_fini(struct vm *vm);
/** See hv_gpa_map(). */
int p2m_flat_map(struct vm *vm, gpa_t gpa, u64 size, u32 prot);
/** See hv_gpa_unmap(). */
int p2m_flat_unmap(struct vm *vm, gpa_t gpa, u64 size);

#endif
