/* load/memmap.c: maps that overlap, wrap and lie; a guest's map; the search for a place. */
#include "lib/errno.h"
#include "lib/string.h"
#include "load/memmap.h"
#include "unit.h"

static struct memmap map;

static void expect(u32 i, u64 start, u64 size, u32 type)
{
	CHECK(i < map.count);
	CHECK(map.entry[i].start == start && map.entry[i].size == size &&
	      map.entry[i].type == type);
}

static bool add(u64 start, u64 size, u32 type)
{
	return memmap_add(&map, start, size, type);
}

static void adding(void)
{
	map.count = 0;
	CHECK(add(0x3000, 0x1000, 1) && add(0x1000, 0x1000, 1) && add(0x5000, 0, 1));
	CHECK(map.count == 2);
	expect(0, 0x1000, 0x1000, 1);
	expect(1, 0x3000, 0x1000, 1);
	CHECK(add(0, 0x5000, 1) && map.count == 5);	/* fills the gaps */
	expect(2, 0x2000, 0x1000, 1);
	expect(4, 0x4000, 0x1000, 1);
	CHECK(add(0x0800, 0x3000, 2));		/* whoever says that it is no RAM is believed */
	expect(0, 0, 0x800, 1);
	expect(1, 0x800, 0x3000, 2);
	expect(2, 0x3800, 0x800, 1);
	CHECK(add(0, 0x5000, 1) && map.count == 4);
	CHECK(add(0x4400, 0x400, 3) && map.count == 6);	/* out of the middle */
	expect(3, 0x4000, 0x400, 1);
	expect(4, 0x4400, 0x400, 3);
	expect(5, 0x4800, 0x800, 1);
	CHECK(add(0x4000, 0x1000, 4) && map.count == 6);	/* but the first type stays */
	expect(3, 0x4000, 0x400, 4);
	expect(4, 0x4400, 0x400, 3);
	expect(5, 0x4800, 0x800, 4);

	map.count = 0;
	CHECK(add(0x1000, 0x1000, 1) && add(0x1800, 0x800, 2) && map.count == 2);
	expect(0, 0x1000, 0x800, 1);

	map.count = 0;
	CHECK(add(0x1000, UINT64_MAX, 1));
	expect(0, 0x1000, UINT64_MAX - 0x1000, 1);
	CHECK(add(UINT64_MAX, 1, 2) && map.count == 1);

	map.count = 0;
	for (u64 i = 0; i < MEMMAP_MAX; i++)
		CHECK(add(i * 0x2000, 0x1000, 1));
	CHECK(!add(0x1000, 0x1000, 1) && map.count == MEMMAP_MAX);
	CHECK(!add(0x400, 0x400, 2));		/* no room, but it is not RAM any more */
	expect(0, 0, 0x400, 1);
	expect(1, 0x2000, 0x1000, 1);
}

static u8 buffer[512];
static u64 used;

static void entry(u32 size, u64 start, u64 length, u32 type)
{
	memcpy(buffer + used, &size, 4);
	memcpy(buffer + used + 4, &start, 8);
	memcpy(buffer + used + 12, &length, 8);
	memcpy(buffer + used + 20, &type, 4);
	used += size + 4;
}

static int read_map(u64 length)
{
	map.count = 0;
	return memmap_read(&map, buffer, length);
}

static void reading(void)
{
	CHECK(read_map(0) == 0 && map.count == 0);
	entry(20, MiB(1), MiB(2), 1);
	entry(24, 0, 0x9fc00, 1);		/* larger, and so not aligned */
	entry(20, 0x9fc00, 0x400, 2);
	CHECK(read_map(used) == 0 && map.count == 3);
	expect(0, 0, 0x9fc00, 1);
	expect(1, 0x9fc00, 0x400, 2);
	expect(2, MiB(1), MiB(2), 1);
	CHECK(read_map(used - 1) == -EINVAL && map.count == 2);
	CHECK(read_map(used - 21) == -EINVAL);
	buffer[52] = 21;
	CHECK(read_map(used) == -EINVAL && map.count == 2);
	buffer[24] = 19;
	CHECK(read_map(used) == -EINVAL && map.count == 1);
	memset(buffer + 24, 0xff, 4);
	CHECK(read_map(used) == -EINVAL && map.count == 1);
	used = 0;
	for (u64 i = 0; i < 20; i++)
		entry(20, i * 0x1000, 0x1000, 2);
	map.count = 0;
	for (u64 i = 0; i < MEMMAP_MAX - 2; i++)
		CHECK(add(MiB(1) + i * 0x2000, 0x1000, 1));
	CHECK(memmap_read(&map, buffer, used) == -ENOSPC && map.count == MEMMAP_MAX);
}

static void guests(void)
{
	memmap_guest(&map, KiB(64));
	CHECK(map.count == 1);
	expect(0, 0, KiB(64), 1);
	CHECK(memmap_lower_kib(&map) == 64 && memmap_upper_kib(&map) == 0);
	memmap_guest(&map, MiB(1));
	CHECK(map.count == 3);
	memmap_guest(&map, MiB(64));
	CHECK(map.count == 4);
	expect(0, 0, 0x9fc00, 1);
	expect(1, 0x9fc00, 0x400, 2);
	expect(2, 0xf0000, 0x10000, 2);
	expect(3, MiB(1), MiB(63), 1);
	CHECK(memmap_lower_kib(&map) == 639 && memmap_upper_kib(&map) == 63 * 1024);
	map.count = 0;
	CHECK(add(0, MiB(4), 1));
	CHECK(memmap_lower_kib(&map) == 640 && memmap_upper_kib(&map) == 3072);
	map.count = 0;
	CHECK(add(MiB(1), GiB(8192), 1));
	CHECK(memmap_lower_kib(&map) == 0 && memmap_upper_kib(&map) == UINT32_MAX);
	memmap_guest(&map, GiB(512));
	CHECK(map.count == 6);
	expect(4, 0xfec00000, 0x1400000, 2);
	expect(5, GiB(4), GiB(508), 1);
	CHECK(memmap_upper_kib(&map) == 0xfec00000 / 1024 - 1024);
}

static void places(void)
{
	struct places p = { .map = &map };

	memmap_guest(&map, MiB(2));
	CHECK(place_is_ram(&p, 0, 0x9fc00) && !place_is_ram(&p, 0, 0x9fc01));
	CHECK(place_is_ram(&p, MiB(1), MiB(1)) && !place_is_ram(&p, MiB(1), MiB(1) + 1));
	CHECK(!place_is_ram(&p, MiB(2), 1) && !place_is_ram(&p, UINT64_MAX, 2));
	CHECK(place_find(&p, 0x1800, 0x1000, 0x1800, 0x37ff, false) == PLACE_NONE);
	CHECK(place_find(&p, 0x1800, 0x1000, 0x1800, 0x3800, false) == 0x2000);
	CHECK(place_find(&p, MiB(1), 1, MiB(1), MiB(2), false) == MiB(1));
	p.count = 0;
	CHECK(place_take(&p, 0x8000, 0x1001));
	CHECK(place_is_free(&p, 0x7000, 0x1000) && !place_is_free(&p, 0x7000, 0x1001));
	CHECK(!place_is_free(&p, 0x9000, 1) && place_is_free(&p, 0x9001, 1));
	CHECK(place_find(&p, 0x1000, 0x1000, 0x7800, MiB(1), false) == 0xa000);
	CHECK(place_find(&p, 0x1000, 0x1000, 0x7000, MiB(1), false) == 0x7000);
	CHECK(place_find(&p, 0, 4, 0x7000, MiB(1), false) == 0x9004);
	CHECK(place_find(&p, 4, 4, 0x9000, MiB(1), false) == 0x9008);
	CHECK(place_find(&p, 0xa0000, 1, 0, UINT64_MAX, false) == MiB(1));
	CHECK(place_find(&p, 0x1000, 0x1000, 0, UINT64_MAX, true) == MiB(2) - 0x1000);
	CHECK(place_find(&p, 0x800, 0x1000, 0, UINT64_MAX, true) == MiB(2) - 0x2000);
	CHECK(place_find(&p, 0x1000, 0x1000, 0, MiB(1), true) == 0x9e000);
	CHECK(place_find(&p, MiB(1), 1, 0, UINT64_MAX, false) == PLACE_NONE);
	CHECK(place_find(&p, UINT64_MAX, 1, 0, UINT64_MAX, true) == PLACE_NONE);
	CHECK(place_find(&p, 1, 1ull << 63, 1, UINT64_MAX, false) == PLACE_NONE);
	CHECK(place_find(&p, 1, 1, 0x5000, 0x5000, false) == PLACE_NONE);
	CHECK(place_take(&p, UINT64_MAX - 10, 100) && !place_is_free(&p, UINT64_MAX - 5, 1));
	CHECK(place_is_free(&p, MiB(3), MiB(1)));
	while (p.count < PLACES_MAX)
		CHECK(place_take(&p, 0, 1));
	CHECK(!place_take(&p, 0, 1));
	CHECK(place_find(&p, 1, 1, 0x5000, 0x6000, false) == PLACE_NONE);
}

int main(void)
{
	adding();
	reading();
	guests();
	places();
	return UNIT_END();
}
