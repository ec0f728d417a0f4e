/**
 * @file memmap.h
 * A PC's memory map, the one that a boot loader gave us and the ones that we give to guests; and
 * the search for free memory in it. Pure: a map that is read may say anything.
 */
#ifndef LOAD_MEMMAP_H
#define LOAD_MEMMAP_H

#include "lib/types.h"

/** Where a PC has no RAM but devices, up to 4 GiB. */
#define MEMMAP_HOLE 0xfec00000ull

/** Types of memory, numbered as in an E820 map (ACPI 6.5, table 15.4); Multiboot has them too. */
#define MEMMAP_RAM	1
#define MEMMAP_RESERVED	2

#define MEMMAP_MAX	128	/* entries */

struct memmap_entry {
	u64 start;
	u64 size;		/**< not 0; start + size does not wrap */
	u32 type;
};

/** Entries in ascending order; no two of them overlap. */
struct memmap {
	u32 count;
	struct memmap_entry entry[MEMMAP_MAX];
};

/**
 * Add memory to a map. What is RAM in one entry and something else in another is not RAM, and of
 * two entries that agree, the first counts. Nothing is added for a size of 0; what would lie above
 * 2^64 is cut off.
 * @return false when the map is too full to hold all of it
 */
bool memmap_add(struct memmap *map, u64 start, u64 size, u32 type);

/**
 * Add the entries of a memory map as Multiboot passes it (3.3, mmap_addr): each has its own size.
 * @param data,length  the buffer; need not be aligned
 * @return 0; -EINVAL when an entry is too short or reaches beyond the buffer, which ends the
 *         reading; -ENOSPC when some did not fit
 */
int memmap_read(struct memmap *map, const void *data, u64 length);

/**
 * Make the map of a guest with `memory` bytes from address 0 on: where a PC has its BIOS's data,
 * its screen and its ROM is no RAM, nor is the place of interrupt controllers and flash memory
 * below 4 GiB.
 */
void memmap_guest(struct memmap *map, u64 memory);

/** KiB of RAM from address 0 on, and from 1 MiB on, in one piece each: what a BIOS reports. */
u32 memmap_lower_kib(const struct memmap *map);
u32 memmap_upper_kib(const struct memmap *map);

/* ---- Free memory ---------------------------------------------------------------------------- */

#define PLACES_MAX	128
#define PLACE_NONE	UINT64_MAX

/** What is in use of a map's RAM. */
struct places {
	const struct memmap *map;
	u32 count;
	struct {
		u64 start, end;
	} taken[PLACES_MAX];
};

/** Is `size` bytes from `start` on RAM, all of it? */
bool place_is_ram(const struct places *p, u64 start, u64 size);
/** Has nothing of `size` bytes from `start` on been taken? It need not be RAM. */
bool place_is_free(const struct places *p, u64 start, u64 size);
/** Say that something is there. @return false when the list is full */
bool place_take(struct places *p, u64 start, u64 size);
/**
 * Find free RAM, and take it.
 * @param size      bytes; 0 counts as 1
 * @param align     a power of two
 * @param min,max   it has to lie between these
 * @param from_top  the highest such place, not the lowest
 * @return its address, or PLACE_NONE
 */
u64 place_find(struct places *p, u64 size, u64 align, u64 min, u64 max, bool from_top);

#endif
