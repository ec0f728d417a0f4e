/**
 * @file pmm.h
 * The physical allocator: pages of host memory, from the boot loader's memory map.
 */
#ifndef MM_PMM_H
#define MM_PMM_H

#include "mm/types.h"

/* All of physical memory is mapped here, page by page in order (x86/paging.c). */
#define DIRECT_MAP	0xffff800000000000ull
/* The hypervisor's image is linked here; physical 0 maps to it. */
#define KERNEL_BASE	0xffffffff80000000ull

/** Where the direct map has a physical address, and back. */
static inline void *phys_to_virt(hpa_t pa) { return (void *)(DIRECT_MAP + pa.v); }
static inline hpa_t virt_to_phys(const void *va) { return hpa((u64)va - DIRECT_MAP); }
/** The physical address of something in the image: a function, a static variable. */
static inline hpa_t image_to_phys(const void *va) { return hpa((u64)va - KERNEL_BASE); }

/** Take over the memory in the map but for what is in use. Panics when there is none. */
void pmm_init(void);

/**
 * Allocate `pages` contiguous zeroed pages whose address is a multiple of `align` bytes.
 * @return their address in the direct map; NULL when there is no such run
 */
void *pmm_alloc(u64 pages, u64 align);
/** The same, but not zeroed: there is in it what the last user left, or page_free()'s 0x6b. */
void *pmm_alloc_raw(u64 pages, u64 align);
/** Give back what one pmm_alloc() or pmm_alloc_raw() gave. */
void pmm_free(void *va, u64 pages);

/** One zeroed page, or NULL. */
static inline void *page_alloc(void) { return pmm_alloc(1, PAGE_SIZE); }
/** One page that is not zeroed, or NULL. */
static inline void *page_alloc_raw(void) { return pmm_alloc_raw(1, PAGE_SIZE); }
void page_free(void *va);

u64 pmm_free_pages(void);
u64 pmm_total_pages(void);
/** The end of the highest RAM, a physical address. */
u64 pmm_top(void);

#endif
