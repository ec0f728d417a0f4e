/*
 * fuzz: Makes memory maps and looks for free memory in them, and compares with a model that has a
 *       byte for each GiB. Maps as a boot loader passes them may say anything.
 * covers: load/memmap.c
 * size: 512
 */
#include "fuzz.h"
#include "lib/errno.h"
#include "load/memmap.h"

#define CELLS 256
#define NONE PLACE_NONE

static u32 types[CELLS];	/* of the model's memory; 0 is none */
static bool taken[CELLS];

static void check_map(const struct memmap *map)
{
	u64 last = 0;

	MUST(map->count <= MEMMAP_MAX);
	for (u32 i = 0; i < map->count; i++) {
		const struct memmap_entry *e = &map->entry[i];

		MUST(e->size && e->start >= last && e->size <= UINT64_MAX - e->start);
		last = e->start + e->size;
	}
	memmap_lower_kib(map);
	memmap_upper_kib(map);
}

static u32 type_at(const struct memmap *map, u64 at)
{
	for (u32 i = 0; i < map->count; i++)
		if (at >= map->entry[i].start && at - map->entry[i].start < map->entry[i].size)
			return map->entry[i].type;
	return 0;
}

/* @return false when the map is full, and the model of no use any more */
static bool add(struct memmap *map, struct input *in)
{
	u32 start = input_below(in, CELLS), size = input_below(in, 32);
	u32 type = 1 + input_below(in, 3);

	if (!memmap_add(map, GiB(start), GiB(size), type))
		return false;
	for (u32 i = start; i < start + size && i < CELLS; i++)
		if (!types[i] || (types[i] == MEMMAP_RAM && type != MEMMAP_RAM))
			types[i] = type;
	for (u32 i = 0; i < CELLS; i++)
		MUST(type_at(map, GiB(i) + 1) == types[i]);
	return true;
}

/* Is this free RAM, in the model, and in one entry of the map? */
static bool is_free(const struct memmap *map, u64 start, u64 size)
{
	for (u64 i = start; i < start + size; i++) {
		if (i >= CELLS || types[i] != MEMMAP_RAM || taken[i])
			return false;
		for (u32 j = 0; i > start && j < map->count; j++)
			if (map->entry[j].start == GiB(i))
				return false;
	}
	return true;
}

static void find(struct places *p, struct input *in)
{
	u64 size = 1 + input_below(in, 16), align = 1u << input_below(in, 4);
	u64 min = input_below(in, CELLS), max = input_below(in, CELLS), at, want = NONE;
	bool top = input_below(in, 2);

	if (p->count == PLACES_MAX)
		return;
	for (u64 i = min; i + size <= max; i++)
		if (i % align == 0 && is_free(p->map, i, size) && (top || want == NONE))
			want = i;
	at = place_find(p, GiB(size), GiB(align), GiB(min), GiB(max), top);
	MUST(at == (want == NONE ? NONE : GiB(want)));
	for (u64 i = want; want != NONE && i < want + size; i++) {
		MUST(place_is_ram(p, GiB(i), GiB(1)) && !place_is_free(p, GiB(i), GiB(1)));
		taken[i] = true;
	}
}

static void model(struct input *in)
{
	struct memmap map = { .count = 0 };
	struct places places = { .map = &map };

	memset(types, 0, sizeof(types));
	memset(taken, 0, sizeof(taken));
	while (input_left(in) && input_take(in, 1) % 4 && add(&map, in))
		check_map(&map);
	while (input_left(in) && map.count < MEMMAP_MAX)
		find(&places, in);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, data + size };
	struct memmap map = { .count = 0 };
	int err;

	switch (input_below(&in, 4)) {
	case 0:
		err = memmap_read(&map, in.at, (u64)(in.end - in.at));
		MUST(!err || err == -EINVAL || err == -ENOSPC);
		break;
	case 1:
		memmap_guest(&map, input_take(&in, 8));
		break;
	case 2:
		while (input_left(&in)) {
			u64 start = input_take(&in, 8), bytes = input_take(&in, 8);

			memmap_add(&map, start, bytes, 1 + input_below(&in, 3));
		}
		break;
	default:
		model(&in);
	}
	check_map(&map);
	return 0;
}
