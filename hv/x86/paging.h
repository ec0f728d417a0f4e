/**
 * @file paging.h
 * The host's page tables: the image with the rights of its sections, all of physical memory in the
 * direct map, and nothing in the lower half. A null pointer therefore faults.
 */
#ifndef X86_PAGING_H
#define X86_PAGING_H

#include "lib/types.h"

/** Build the tables, for physical memory up to `top` bytes, and use them. */
void paging_init(u64 top);

#endif
