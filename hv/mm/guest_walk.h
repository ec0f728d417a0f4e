/**
 * @file guest_walk.h
 * From a guest's linear addresses to guest physical ones, through the page tables that the guest
 * made for itself: what the CPU does at each access, done by hand (SDM vol. 3, 4.3 to 4.8).
 *
 * A linear address, and which of its bits choose the entry at each level:
 *
 *                    47      39 38      30 29      21 20      12 11         0
 *     4-level        [ level 4 ][ level 3 ][ level 2 ][ level 1 ][ in page ]
 *     PAE                           [ 31:30 ][ level 2 ][ level 1 ][ in page ]
 *                                 1 GiB      2 MiB      4 KiB      <- the page, if the entry
 *                                                                     is a leaf
 *                    31          22 21          12 11         0
 *     32-bit         [  level 2   ][   level 1   ][ in page ]
 *                    4 MiB          4 KiB
 *
 * Entries of all formats have P, W, U, A, D and PS in the same places (PTE_*). Those of 4-level and
 * PAE paging have 8 bytes, and NX; those of 32-bit paging have 4. What PAE paging has at level 3,
 * four PDPTEs, comes before the walk: they are more like registers than like a table.
 *
 * There are no protection keys and no 5-level paging, as the guest's CPUID offers neither. A guest
 * is hostile: its tables may lie anywhere, and may change while we look at them.
 */
#ifndef MM_GUEST_WALK_H
#define MM_GUEST_WALK_H

#include "core/vm.h"

struct hvm_paging;

/** See hv_gva_translate(), whose arguments these are. Works in any mode, also while `v` exits. */
int guest_translate(struct vcpu *v, gva_t at, u32 access, gpa_t *out, u32 *error);

/** The same for a CPU that is in this mode. */
int guest_translate_as(struct vm *vm, const struct hvm_paging *mode, gva_t at, u32 access,
		       gpa_t *out, u32 *error);

/** Find out what the guest's CPUID says about page tables, and keep it in vm->limits. */
void guest_paging_limits(struct vm *vm);

#endif
