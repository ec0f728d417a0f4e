/**
 * @file p2m.h
 * From guest physical to host physical addresses ("p2m"), one page at a time: a walker over the
 * second-level tables of either vendor, and what can be done with an entry once it is found.
 *
 * A guest physical address, and which of its bits choose the entry at each level:
 *
 *     47      39 38      30 29      21 20      12 11         0
 *     [ level 4 ][ level 3 ][ level 2 ][ level 1 ][ in page ]
 *                  1 GiB      2 MiB      4 KiB      <- the page, if the entry is a leaf
 *
 * Tables come from a pool of the VM's own, which has a limit: vm->p2m_limit. What a page is mapped
 * to is the caller's to allocate and to free. Nobody who calls these functions need flush anything.
 */
#ifndef MM_P2M_H
#define MM_P2M_H

#include "core/vm.h"
#include "mm/pte.h"

/** Where a walk ended. */
struct p2m_walk {
	u64 *entry;		/**< the entry, in its table */
	unsigned int level;	/**< of that table, 4 (the root) to 1 */
	struct pte pte;		/**< what the entry says */
};

/**
 * Translations of `vm` that a CPU may have cached are not true any more. Each vCPU drops them
 * before it enters its guest again (core/vcpu.c): there vm->p2m_generation is compared with the one
 * of the vCPU's last entry. `at_entry` makes it look; without, that comparison would be a part of
 * the cost of each exit.
 */
static inline void p2m_changed(struct vm *vm)
{
	vm->p2m_generation++;
	for (u32 i = 0, seen = 0; seen < vm->vcpu_count; i++) {
		if (vm->vcpu[i]) {
			vm->vcpu[i]->at_entry = true;
			vm->vcpu[i]->plain.rip = PLAIN_NONE;
			seen++;
		}
	}
}

/**
 * Go down to the entry for `at` at `level` (1 to 4). A leaf above it, and an entry that is not
 * present, end the walk earlier.
 */
struct p2m_walk p2m_walk(const struct vm *vm, gpa_t at, unsigned int level);

/**
 * Find the next page that is mapped, at `*at` or behind it, but below `end`. Quick where little is.
 * @param at  in: where to begin; out: an address in the page
 * @param w   its entry
 * @return false: there is none
 */
bool p2m_next(const struct vm *vm, gpa_t *at, u64 end, struct p2m_walk *w);

/**
 * Write `new` to the entry where a walk has ended. Every change of an entry goes through here, so
 * no caller can forget what must follow on it: see p2m.c.
 * @param w  the walk; no entry on its way has changed since. Out: w->pte is `new`
 */
void p2m_set(struct vm *vm, struct p2m_walk *w, struct pte new);

/**
 * Map one page of pte_span(level) bytes, with tables on the way as needed.
 * @param at,to  multiples of the page's size; `at` below 2^48
 * @param level  1 or 2; 3 where hvm_caps.page_1g is set
 * @param prot   HV_PROT_*, with HV_PROT_READ
 * @return -EINVAL; -EEXIST: some of it is mapped; -ENOSPC: the pool is empty; -ENOMEM
 */
int p2m_map(struct vm *vm, gpa_t at, hpa_t to, unsigned int level, u32 prot, enum memtype type);
/**
 * Take the translations away that the pte_span(level) bytes at `at` have, whatever the sizes of
 * their pages; a larger page is split first. Tables below are freed.
 * @return -EINVAL; -ENOSPC, -ENOMEM: no table for the split
 */
int p2m_unmap(struct vm *vm, gpa_t at, unsigned int level);
/**
 * Let all pages that are mapped in a range be used for `prot`; one that reaches beyond it is split
 * first.
 * @param at,size  multiples of 4096
 * @return -EINVAL; -ENOSPC, -ENOMEM: no table for a split, and some pages have changed already
 */
int p2m_protect(struct vm *vm, gpa_t at, u64 size, u32 prot);
/**
 * Make 512 pages of the next smaller size of the page at `at`: same memory, same rights.
 * @return -ENOENT: nothing is mapped; -EINVAL: it has 4 KiB; -ENOSPC, -ENOMEM
 */
int p2m_split(struct vm *vm, gpa_t at);
/**
 * Make one page of pte_span(level) bytes of 512 smaller ones, which must be contiguous in the host,
 * begin at a multiple of that size, and agree in rights and memory type.
 * @param level  as for p2m_map(), but not 1
 * @return -EINVAL: they do not, or `level` is none
 */
int p2m_merge(struct vm *vm, gpa_t at, unsigned int level);
/**
 * Read the accessed and dirty bits of the page at `at`, and clear them. On Intel they are set only
 * where the CPU has them (EPT_CAP_AD).
 * @return -ENOENT: nothing is mapped
 */
int p2m_age(struct vm *vm, gpa_t at, bool *accessed, bool *dirty);
/** Free all tables, the root too. */
void p2m_free_tables(struct vm *vm);

#endif
