/* dev/bus.c, memory-mapped devices: who answers where, and in which pieces. */
#include "dev/bus.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "unit.h"

#define AT	0x10000ull	/* of `low`; `high` follows on it, and then there is no device */
#define SIZE	16ull
#define FULL	0xfedcba9876543210ull

/* A device that keeps account of what it is asked. */
struct device {
	u64 size;		/* of its range */
	u64 answer;
	u64 offset, value;	/* of the last access */
	u32 bytes;		/* of all accesses */
	u32 calls, last_size;
	bool write;
};

static struct bus bus;
static struct device low = { .size = SIZE }, high = { .size = SIZE };

static void handler(void *dev, u64 offset, u32 size, bool write, u64 *value)
{
	struct device *d = dev;

	CHECK(size == 1 || size == 2 || size == 4 || size == 8);
	CHECK(offset < d->size && size <= d->size - offset);
	d->calls++;
	d->bytes += size;
	d->offset = offset;
	d->last_size = size;
	d->write = write;
	d->value = *value;
	if (!write)
		*value = size == 1 ? d->answer >> 8 * (offset % 8) : d->answer;
}

static void forget(void)
{
	low.calls = low.bytes = high.calls = high.bytes = 0;
}

static u64 cut(u64 value, u32 size)
{
	return size == 8 ? value : value & (BIT(8 * size) - 1);
}

static u64 read_at(u64 at, u32 size)
{
	u64 value = 0x5555555555555555;

	forget();
	bus_mmio_access(&bus, at, size, false, &value);
	return value;
}

static void write_at(u64 at, u32 size, u64 value)
{
	forget();
	bus_mmio_access(&bus, at, size, true, &value);
}

static int claim(u64 first, u64 size)
{
	return bus_mmio_claim(&bus, first, size, handler, &low);
}

static void claims(void)
{
	CHECK(claim(AT, 0) == -EINVAL);
	CHECK(claim(UINT64_MAX, 2) == -EINVAL);
	CHECK(claim(AT, UINT64_MAX) == -EINVAL);
	CHECK(claim(AT, -AT + 1) == -EINVAL);
	CHECK(claim(AT, SIZE) == 0);

	/* The same, inside, around, over the beginning, over the end, one byte at each. */
	CHECK(claim(AT, SIZE) == -EEXIST);
	CHECK(claim(AT + 4, 4) == -EEXIST);
	CHECK(claim(AT - 4, SIZE + 8) == -EEXIST);
	CHECK(claim(0, UINT64_MAX) == -EEXIST);
	CHECK(claim(AT - 4, 5) == -EEXIST);
	CHECK(claim(AT + SIZE - 1, 1) == -EEXIST && claim(AT + SIZE - 1, 100) == -EEXIST);
	CHECK(claim(AT, 1) == -EEXIST && claim(AT - 1, SIZE) == -EEXIST);

	/* Neighbours that touch it are none of these, nor are the ends of the world. */
	CHECK(bus_mmio_claim(&bus, AT + SIZE, SIZE, handler, &high) == 0);
	CHECK(claim(AT - 1, 1) == 0 && claim(0, 1) == 0 && claim(UINT64_MAX - 1, 1) == 0);
	CHECK(bus.mmios == 5);
	bus.mmios = 2;
	for (u64 i = 2; i < BUS_MAX_MMIO; i++)
		CHECK(claim(2 * i, 1) == 0);
	CHECK(claim(AT + 2 * SIZE, 1) == -ENOSPC);
	CHECK(bus.mmios == BUS_MAX_MMIO && bus.ranges == 0);
	bus.mmios = 2;
}

static void find(void)
{
	const struct bus_mmio *m = bus_mmio_find(&bus, AT, 1);

	CHECK(m && m->dev == &low && m->first == AT && m->size == SIZE);
	CHECK(bus_mmio_find(&bus, AT + SIZE - 1, 1) == m);
	CHECK(bus_mmio_find(&bus, AT + SIZE - 1, 2) == m);	/* the first of two */
	CHECK(bus_mmio_find(&bus, AT + SIZE, 1) == m + 1);
	CHECK(bus_mmio_find(&bus, AT - 1, 2) == m && bus_mmio_find(&bus, 0, AT + 1) == m);
	CHECK(bus_mmio_find(&bus, 0, UINT64_MAX) == m);
	CHECK(!bus_mmio_find(&bus, AT - 1, 1) && !bus_mmio_find(&bus, 0, AT));
	CHECK(!bus_mmio_find(&bus, AT + 2 * SIZE, 1) && !bus_mmio_find(&bus, UINT64_MAX, 1));
}

/* Whole in one device: one access, of just its bytes, wherever it is. */
static void whole(void)
{
	low.answer = FULL;
	for (u32 size = 1; size <= 8; size *= 2) {
		for (u64 i = 0; i <= SIZE - size; i++) {
			u64 value = read_at(AT + i, size);

			CHECK(value == cut(size == 1 ? FULL >> 8 * (i % 8) : FULL, size));
			CHECK(low.calls == 1 && low.offset == i && low.last_size == size);
			CHECK(!low.write && !high.calls);
			write_at(AT + i, size, FULL);
			CHECK(low.calls == 1 && low.offset == i && low.last_size == size);
			CHECK(low.write && low.value == cut(FULL, size));
		}
	}
}

/* Sizes that no device is asked for come in bytes: each once, lowest first. */
static void odd(void)
{
	low.answer = FULL;
	for (u32 size = 3; size < 8; size += size == 3 ? 2 : 1) {
		CHECK(read_at(AT, size) == cut(FULL, size));
		CHECK(low.calls == size && low.bytes == size && low.offset == size - 1);
		CHECK(read_at(AT + 8, size) == cut(FULL, size));
		write_at(AT, size, FULL);
		CHECK(low.calls == size && low.bytes == size && low.offset == size - 1);
		CHECK(low.value == (FULL >> 8 * (size - 1) & 0xff));
	}
}

/* Over the border of two devices, and beyond the end and before the start of all. */
static void borders(void)
{
	low.answer = high.answer = FULL;
	for (u32 size = 2; size <= 8; size++) {
		for (u32 i = 1; i < size; i++) {	/* bytes in front of the border */
			u64 front = FULL >> 8 * (8 - i) & (BIT(8 * i) - 1);
			u64 back = FULL & (BIT(8 * (size - i)) - 1), none = BIT(8 * i) - 1;

			CHECK(read_at(AT + SIZE - i, size) == (front | back << 8 * i));
			CHECK(low.calls == i && low.bytes == i && low.offset == SIZE - 1);
			CHECK(high.calls == size - i && high.offset == size - i - 1);
			write_at(AT + SIZE - i, size, FULL);
			CHECK(low.calls == i && low.value == (FULL >> 8 * (i - 1) & 0xff));
			CHECK(high.calls == size - i && high.bytes == size - i);
			CHECK(high.value == (FULL >> 8 * (size - 1) & 0xff));

			CHECK(read_at(AT + 2 * SIZE - i, size) ==
			      cut(front | ~none, size));
			CHECK(high.calls == i && !low.calls);
			write_at(AT + 2 * SIZE - i, size, FULL);
			CHECK(high.calls == i && high.offset == SIZE - 1 && !low.calls);
			CHECK(read_at(AT - i, size) == (none | back << 8 * i));
			CHECK(low.calls == size - i && low.offset == size - i - 1);
		}
	}
}

static void unclaimed(void)
{
	for (u32 size = 1; size <= 8; size++) {
		CHECK(read_at(AT + 2 * SIZE, size) == cut(UINT64_MAX, size));
		CHECK(read_at(UINT64_MAX - 3, size) == cut(UINT64_MAX, size));
		CHECK(read_at(AT - size, size) == cut(UINT64_MAX, size));
		write_at(AT - size, size, FULL);
		CHECK(!low.calls && !high.calls);
	}
}

int main(void)
{
	claims();
	find();
	whole();
	odd();
	borders();
	unclaimed();
	return UNIT_END();
}
