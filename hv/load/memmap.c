/* See memmap.h. */
#include "load/memmap.h"

#include "lib/errno.h"
#include "lib/string.h"

/* ---- Reading a map -------------------------------------------------------------------------- */

static bool insert(struct memmap *map, u64 start, u64 size, u32 type)
{
	u32 at = 0;

	if (map->count == MEMMAP_MAX)
		return false;
	while (at < map->count && map->entry[at].start < start)
		at++;
	memmove(&map->entry[at + 1], &map->entry[at], (map->count - at) * sizeof(map->entry[0]));
	map->entry[at] = (struct memmap_entry){ start, size, type };
	map->count++;
	return true;
}

static void take_out(struct memmap *map, u32 at)
{
	map->count--;
	memmove(&map->entry[at], &map->entry[at + 1], (map->count - at) * sizeof(map->entry[0]));
}

/* Nothing between these is RAM any more. */
static bool cut_ram(struct memmap *map, u64 start, u64 end)
{
	bool all = true;

	for (u32 i = 0; i < map->count; i++) {
		struct memmap_entry *e = &map->entry[i];
		u64 e_end = e->start + e->size;

		if (e->type != MEMMAP_RAM || e_end <= start || e->start >= end)
			continue;
		if (e->start < start) {
			e->size = start - e->start;
			if (e_end > end)
				all &= insert(map, end, e_end - end, MEMMAP_RAM);
		} else if (e_end > end) {
			e->start = end;
			e->size = e_end - end;
		} else {
			take_out(map, i--);
		}
	}
	return all;
}

bool memmap_add(struct memmap *map, u64 start, u64 size, u32 type)
{
	u64 end = size > UINT64_MAX - start ? UINT64_MAX : start + size;
	bool all = type == MEMMAP_RAM || cut_ram(map, start, end);

	/* Into the gaps between what is there. */
	for (u32 i = 0; i < map->count && start < end; i++) {
		u64 e_start = map->entry[i].start, e_end = e_start + map->entry[i].size;

		if (e_start >= end)
			break;
		if (e_start > start)
			all &= insert(map, start, e_start - start, type);
		if (e_end > start)
			start = e_end;
	}
	return (start >= end || insert(map, start, end - start, type)) && all;
}

int memmap_read(struct memmap *map, const void *data, u64 length)
{
	struct {
		u32 size;		/* of the rest of this entry */
		u64 start, length;
		u32 type;
	} __packed e;
	const u8 *at = data;
	int err = 0;

	while (length) {
		if (length < sizeof(e))
			return -EINVAL;
		memcpy(&e, at, sizeof(e));
		if (e.size < sizeof(e) - sizeof(e.size) || e.size > length - sizeof(e.size))
			return -EINVAL;
		if (!memmap_add(map, e.start, e.length, e.type))
			err = -ENOSPC;
		at += e.size + sizeof(e.size);
		length -= e.size + sizeof(e.size);
	}
	return err;
}

/* ---- A guest's map -------------------------------------------------------------------------- */

void memmap_guest(struct memmap *map, u64 memory)
{
	static const struct {
		u64 start, end;
		u32 type;
	} pc[] = {
		{ 0, 0x9fc00, MEMMAP_RAM },
		{ 0x9fc00, 0xa0000, MEMMAP_RESERVED },	/* the BIOS's extended data area */
		/* then the screen, which no map tells of */
		{ 0xf0000, MiB(1), MEMMAP_RESERVED },	/* the BIOS */
		{ MiB(1), MEMMAP_HOLE, MEMMAP_RAM },
		{ MEMMAP_HOLE, GiB(4), MEMMAP_RESERVED },	/* APICs, flash memory */
		{ GiB(4), UINT64_MAX, MEMMAP_RAM },
	};

	map->count = 0;
	for (u32 i = 0; i < ARRAY_SIZE(pc) && pc[i].start < memory; i++) {
		u64 end = pc[i].end < memory ? pc[i].end : memory;

		memmap_add(map, pc[i].start, end - pc[i].start, pc[i].type);
	}
}

static u32 ram_kib(const struct memmap *map, u64 start)
{
	for (u32 i = 0; i < map->count; i++) {
		const struct memmap_entry *e = &map->entry[i];

		if (e->type == MEMMAP_RAM && e->start <= start && start - e->start < e->size) {
			u64 kib = (e->size - (start - e->start)) / KiB(1);

			return kib < UINT32_MAX ? (u32)kib : UINT32_MAX;
		}
	}
	return 0;
}

u32 memmap_lower_kib(const struct memmap *map)
{
	u32 kib = ram_kib(map, 0);

	return kib < 640 ? kib : 640;
}

u32 memmap_upper_kib(const struct memmap *map)
{
	return ram_kib(map, MiB(1));
}

/* ---- Free memory ---------------------------------------------------------------------------- */

bool place_is_ram(const struct places *p, u64 start, u64 size)
{
	for (u32 i = 0; i < p->map->count; i++) {
		const struct memmap_entry *e = &p->map->entry[i];

		if (e->type == MEMMAP_RAM && start >= e->start && start - e->start <= e->size &&
		    size <= e->size - (start - e->start))
			return true;
	}
	return false;
}

bool place_take(struct places *p, u64 start, u64 size)
{
	if (p->count == PLACES_MAX)
		return false;
	p->taken[p->count].start = start;
	p->taken[p->count].end = size > UINT64_MAX - start ? UINT64_MAX : start + size;
	p->count++;
	return true;
}

/* The first of what is taken that overlaps these bytes, or the count when none does. */
static u32 overlaps(const struct places *p, u64 start, u64 end)
{
	u32 i = 0;

	while (i < p->count && (p->taken[i].start >= end || p->taken[i].end <= start))
		i++;
	return i;
}

bool place_is_free(const struct places *p, u64 start, u64 size)
{
	return overlaps(p, start, start + size) == p->count;
}

/* Search between `min` and `max`, all of which is RAM: past each thing that is in the way. */
static u64 find(const struct places *p, u64 size, u64 align, u64 min, u64 max, bool from_top)
{
	while (min < max && size <= max - min) {
		u64 at = from_top ? ROUND_DOWN(max - size, align) : ROUND_UP(min, align);
		u32 i;

		if (at < min || at > max - size)
			break;
		i = overlaps(p, at, at + size);
		if (i == p->count)
			return at;
		if (from_top)
			max = p->taken[i].start;
		else
			min = p->taken[i].end;
	}
	return PLACE_NONE;
}

u64 place_find(struct places *p, u64 size, u64 align, u64 min, u64 max, bool from_top)
{
	u64 best = PLACE_NONE;

	size = size ?: 1;
	for (u32 i = 0; i < p->map->count; i++) {
		const struct memmap_entry *e = &p->map->entry[i];
		u64 end = e->start + e->size, at;

		if (e->type != MEMMAP_RAM)
			continue;
		at = find(p, size, align, min > e->start ? min : e->start, max < end ? max : end,
			  from_top);
		if (at != PLACE_NONE && (best == PLACE_NONE || from_top))
			best = at;
	}
	return best != PLACE_NONE && place_take(p, best, size) ? best : PLACE_NONE;
}
