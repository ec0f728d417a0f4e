/* dev/vprobe.c: its memory is only that, its stream and its sum tell what was done. */
#include "dev/vprobe.h"
#include "lib/string.h"
#include "unit.h"

/* The definition of stream and sum, written once more. */
static u64 next, sum;

static u64 stream_byte(void)
{
	next = next * 6364136223846793005 + 1442695040888963407;
	return next >> 56;
}

static void noted(u64 place, u32 size, bool write, u64 value)
{
	sum = (sum ^ (place << 8 | size << 1 | write)) * 0x100000001b3;
	sum = (sum ^ value) * 0x100000001b3;
}

static u64 stream_read(u64 place, u32 size)
{
	u64 value = 0;

	for (u32 i = 0; i < size; i++)
		value |= stream_byte() << 8 * i;
	noted(place, size, false, value);
	return value;
}

static struct vprobe probe;

static u64 read_memory(u64 offset, u32 size)
{
	u64 value = UINT64_MAX;

	vprobe_memory(&probe, offset, size, false, &value);
	return value;
}

static u32 in(u16 offset, u8 size)
{
	u32 value = 0;

	vprobe_port(&probe, offset, size, true, &value);
	return value;
}

static void out(u16 offset, u8 size, u32 value)
{
	vprobe_port(&probe, offset, size, false, &value);
}

static void check_sum(void)
{
	CHECK(in(VPROBE_SUM, 4) == (u32)sum);
	CHECK(in(VPROBE_SUM_HIGH, 4) == sum >> 32);
}

static void memory(void)
{
	u64 value = 0x8877665544332211;

	vprobe_memory(&probe, 9, 8, true, &value);
	CHECK(read_memory(9, 8) == 0x8877665544332211 && read_memory(8, 8) == 0x7766554433221100);
	for (u32 i = 0; i < 8; i++)
		CHECK(read_memory(9 + i, 1) == 0x11 * (i + 1));
	value = 0xaabb;
	vprobe_memory(&probe, 10, 2, true, &value);
	CHECK(read_memory(9, 8) == 0x8877665544aabb11);
	value = 0xcc;
	vprobe_memory(&probe, VPROBE_MEMORY_SIZE - 1, 1, true, &value);
	CHECK(read_memory(VPROBE_MEMORY_SIZE - 4, 4) == 0xcc000000);
	CHECK(read_memory(0, 8) == 0 && read_memory(17, 4) == 0);
	CHECK(!probe.sum && !probe.next);	/* it has nothing to do with them */
}

static void stream(void)
{
	static const u32 seeds[] = { 0, 1, 0xffffffff };

	for (u32 s = 0; s < ARRAY_SIZE(seeds); s++) {
		if (s)
			out(VPROBE_SEED, 4, seeds[s]);
		next = sum = seeds[s];
		check_sum();
		for (u32 size = 1; size <= 8; size *= 2) {
			u64 value = 0, above = ~(UINT64_MAX >> (64 - 8 * size));

			vprobe_stream(&probe, 3 * size, size, false, &value);
			CHECK((value & ~above) == stream_read(3 * size, size));
			CHECK((value & above) == above);	/* the bus cuts it off */
			check_sum();
			value = 0x8877665544332211 >> (64 - 8 * size);
			noted(5 * size, size, true, value);
			vprobe_stream(&probe, 5 * size, size, true, &value);
			check_sum();
		}
	}
}

/* Another place, size, direction, value or order: another sum. */
static void sums_differ(void)
{
	static const struct { u64 place; u32 size; bool write; u64 value; } accesses[] = {
		{ 8, 4, true, 0 }, { 9, 4, true, 0 }, { 8, 2, true, 0 }, { 8, 4, false, 0 },
		{ 8, 4, true, 1 }, { 0x808, 4, true, 0 },
	};
	u64 seen[ARRAY_SIZE(accesses)];

	for (u32 i = 0; i < ARRAY_SIZE(accesses); i++) {
		u64 value = accesses[i].value;

		out(VPROBE_SEED, 4, 7);
		vprobe_stream(&probe, accesses[i].place, accesses[i].size, accesses[i].write,
			      &value);
		seen[i] = in(VPROBE_SUM, 4) | (u64)in(VPROBE_SUM_HIGH, 4) << 32;
		for (u32 j = 0; j < i; j++)
			CHECK(seen[i] != seen[j]);
	}
}

static void ports(void)
{
	out(VPROBE_SEED, 4, 5);
	next = sum = 5;
	for (u32 size = 1; size <= 4; size *= 2) {
		for (u16 port = 0; port < VPROBE_SEED; port++) {
			CHECK(in(port, (u8)size) == (u32)stream_read(BIT(16) | port, size));
			noted(BIT(16) | port, size, true, 0x44332211 >> (32 - 8 * size));
			out(port, (u8)size, 0x44332211 >> (32 - 8 * size));
			check_sum();
		}
	}
	/* A byte of the sum at each port, upwards; to read it does not change it. */
	for (u16 i = 0; i < 8; i++)
		CHECK((in(VPROBE_SUM + i, 1) & 0xff) == (sum >> 8 * i & 0xff));
	check_sum();
	out(VPROBE_SUM_HIGH, 4, 5);		/* a seed, as well */
	next = sum = 5;
	check_sum();
	CHECK(in(0, 4) == (u32)stream_read(BIT(16), 4));
}

int main(void)
{
	memory();
	stream();
	sums_differ();
	ports();
	return UNIT_END();
}
