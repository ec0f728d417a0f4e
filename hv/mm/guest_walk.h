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
 * four PDPTEs, is chosen before the walk begins: they are more like registers than like a table.
 *
 * There are no protection keys and no 5-level paging, as the guest's CPUID offers neither. A guest
 * is hostile: its tables may lie anywhere, and may change while we look at them.
 */
#ifndef MM_GUEST_WALK_H
#define MM_GUEST_WALK_H

#include "core/vm.h"

/** What the formats of page tables differ in. */
struct walk_format {
	u32 levels;		/**< tables on the way to a 4 KiB page */
	u32 index_bits;		/**< of the address, at each level */
	u32 entry_size;		/**< bytes */
};

/** One walk: where it begins, what it is for, and where it has been. */
struct guest_walk {
	struct vm *vm;
	u64 linear;		/**< the address; bits that it can not have are 0 */
	const struct walk_format *format;
	u64 root;		/**< guest physical address of the first table */
	u64 reserved;		/**< bits that must be 0 in each entry */
	u64 large;		/**< sizes of pages that PS stands for: MiB(2) | GiB(1) */
	bool write;		/**< the access is a write */
	/**
	 * The rights that the access needs. A right is there if each entry on the way grants it:
	 * PTE_W and PTE_U when set, PTE_NX when clear. Those in `rights_mask` must be as in
	 * `rights`; PTE_U in the mask alone means that the page must not be the user's.
	 */
	u64 rights, rights_mask;
	u32 error;		/**< of #PF: PF_W, PF_U and PF_I; the walk adds PF_P and PF_RSVD */
	struct {
		gpa_t at;
		u64 entry;	/**< what was read there */
	} step[5];		/**< by level, for the accessed and dirty bits */
};

/**
 * Walk the guest's page tables for w->linear, from w->root down.
 *
 * @param w    what to do; w->error and w->step change
 * @param out  the guest physical address
 * @return 0; -EFAULT: the guest gets #PF, its error code is in w->error; -ENXIO: a table is not in
 *         the guest's memory; -EAGAIN: the guest has changed an entry meanwhile, walk again;
 *         -ENOMEM, -ENOSPC: see gmem_read()
 */
int guest_walk(struct guest_walk *w, gpa_t *out);

/** See hv_gva_translate(), whose arguments these are. Works in any mode, also while `v` exits. */
int guest_translate(struct vcpu *v, gva_t at, u32 access, gpa_t *out, u32 *error);

/** Find out what the guest's CPUID says about page tables, and keep it in vm->limits. */
void guest_paging_limits(struct vm *vm);

#endif
