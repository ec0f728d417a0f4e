/**
 * @file paging.h
 * The host's page tables: the image with the rights of its sections, all of physical memory in the
 * direct map, and nothing in the lower half. A null pointer therefore faults.
 */
#ifndef X86_PAGING_H
#define X86_PAGING_H

#include "mm/types.h"

/** Build the tables, for physical memory up to `top` bytes, and use them. */
void paging_init(u64 top);

/** Put a device's memory into the direct map, uncached, wherever it is below 2^46. */
void paging_map_device(hpa_t start, u64 size);

#endif
