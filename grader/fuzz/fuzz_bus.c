/*
 * fuzz: Claims ports and uses them. Each access reaches the one device that has claimed the port,
 *       or none; nobody has a port that another has. A device of bytes gets each byte once. The
 *       same with addresses, where an access may reach several devices.
 * covers: dev/bus.c
 * size: 512
 */
#include "dev/bus.h"
#include "fuzz.h"
#include "lib/errno.h"

#define ANSWER 0x12345678

static u8 owner[0x10000];		/* of each port: number of the device, 0 is none */
static struct device {
	u16 first, count;
} device[BUS_MAX_PORTS + 1];
static const struct device *called;	/* by the last access */
static u16 called_offset;

static void handler(void *dev, u16 offset, u8 size, bool in, u32 *value)
{
	called = dev;
	called_offset = offset;
	if (in)
		*value = ANSWER;
	else
		MUST(size == 4 || *value < 1u << 8 * size);
}

/* The model of bus_claim(): what it should answer. */
static int expected(const struct bus *bus, u16 first, u16 count)
{
	if (bus->ranges == BUS_MAX_PORTS)
		return -ENOSPC;
	for (u32 i = 0; i < count; i++)
		if (owner[first + i])
			return -EEXIST;
	return 0;
}

static void claim(struct bus *bus, u16 first, u16 count)
{
	u32 number = bus->ranges + 1;
	int want = expected(bus, first, count);
	struct device *d = number < ARRAY_SIZE(device) ? &device[number] : NULL;

	MUST(bus_claim(bus, first, count, handler, d) == want);
	if (want)
		return;
	*d = (struct device){ .first = first, .count = count };
	for (u32 i = 0; i < count; i++)
		owner[first + i] = (u8)number;
}

static void use(struct bus *bus, u16 port, u8 size, bool in, u32 value)
{
	u32 v = value;

	called = NULL;
	bus_port_access(bus, port, size, in, &v);
	if (!owner[port]) {
		MUST(!called);
		MUST(!in || v == (u32)(BIT(8 * size) - 1));
		return;
	}
	MUST(called == &device[owner[port]]);
	MUST(called_offset == port - called->first && called_offset < called->count);
	MUST(!in || v == ANSWER);
}

/* ---- A device whose registers are bytes ----------------------------------------------------- */

static u8 written[256];

static u8 read_byte(void *dev, u16 offset)
{
	return (u8)~offset;
}

static void write_byte(void *dev, u16 offset, u8 v)
{
	written[offset] = v;
}

static void use_bytes(u16 ports, u16 offset, u8 size, bool in, u32 value)
{
	const struct bus_bytes bytes = { ports, read_byte, write_byte };
	u32 v = value;

	memset(written, 0, sizeof(written));
	bus_bytes_access(&bytes, NULL, offset, size, in, &v);
	for (u32 i = 0; i < size; i++) {
		u8 byte = (u8)((in ? v : value) >> 8 * i), at = (u8)(offset + i);

		if (offset + i >= ports)
			MUST(in ? byte == 0xff : !written[at]);
		else
			MUST(byte == (in ? (u8)~at : written[at]));
	}
}

/* ---- Memory-mapped devices ------------------------------------------------------------------ */

#define MAPPED	0x80			/* addresses from `base` on that have an owner, or none */

static u64 base;
static u8 mmio_owner[MAPPED];		/* as `owner` */
static struct mmio_device {
	u64 first, size;
} mmio_device[BUS_MAX_MMIO + 1];
static u8 cells[MAPPED];		/* what each device has at its addresses */
static u8 reached[MAPPED];		/* how often the last access reached each */
static u32 mmio_calls;
static u64 last_reached;

static void mmio_handler(void *dev, u64 offset, u32 size, bool write, u64 *value)
{
	const struct mmio_device *d = dev;
	u64 at = d->first - base + offset;

	MUST(size == 1 || size == 2 || size == 4 || size == 8);
	MUST(offset < d->size && size <= d->size - offset);
	MUST(!write || size == 8 || *value < BIT(8 * size));
	MUST(!mmio_calls++ || at > last_reached);		/* upwards */
	last_reached = at;
	for (u32 i = 0; i < size; i++) {
		reached[at + i]++;
		if (write)
			cells[at + i] = (u8)(*value >> 8 * i);
	}
	*value = write ? *value : UINT64_MAX;		/* above its bytes is rubbish */
	for (u32 i = 0; i < size && !write; i++)
		*value ^= (u64)(u8)~cells[at + i] << 8 * i;
}

static int mmio_expected(const struct bus *bus, u64 at, u64 size)
{
	if (!size || base + at + size < base + at)
		return -EINVAL;
	if (bus->mmios == BUS_MAX_MMIO)
		return -ENOSPC;
	for (u64 i = 0; i < size; i++)
		if (mmio_owner[at + i])
			return -EEXIST;
	return 0;
}

/* The ranges are of those from `base` on, or one that wraps. */
static void mmio_claim(struct bus *bus, u64 at, u64 size)
{
	u32 number = bus->mmios + 1;
	int want = mmio_expected(bus, at, size);
	struct mmio_device *d = number < ARRAY_SIZE(mmio_device) ? &mmio_device[number] : NULL;

	MUST(bus_mmio_claim(bus, base + at, size, mmio_handler, d) == want);
	if (want)
		return;
	*d = (struct mmio_device){ .first = base + at, .size = size };
	for (u64 i = 0; i < size; i++)
		mmio_owner[at + i] = (u8)number;
}

/* Is [at, at + size) all one device's? */
static bool mmio_whole(u64 at, u32 size)
{
	for (u32 i = 0; i < size; i++)
		if (!mmio_owner[at + i] || mmio_owner[at + i] != mmio_owner[at])
			return false;
	return true;
}

static void mmio_use(const struct bus *bus, u64 at, u32 size, bool write, u64 value)
{
	bool whole = mmio_whole(at, size) && !(size & (size - 1));
	u64 v = value;
	u32 owned = 0;

	memset(reached, 0, sizeof(reached));
	mmio_calls = 0;
	bus_mmio_access(bus, base + at, size, write, &v);
	for (u32 i = 0; i < size; i++) {
		u8 byte = (u8)((write ? value : v) >> 8 * i);

		owned += !!mmio_owner[at + i];
		MUST(reached[at + i] == !!mmio_owner[at + i]);
		if (mmio_owner[at + i])
			MUST(byte == cells[at + i]);
		else
			MUST(write || byte == 0xff);
	}
	MUST(mmio_calls == (whole ? 1 : owned));
	MUST(write || size == 8 || v < BIT(8 * size));
}

static void mmio_find(const struct bus *bus, u64 at, u64 size)
{
	const struct bus_mmio *m = bus_mmio_find(bus, base + at, size);
	u32 first = 0;

	for (u64 i = 0; i < size; i++)
		if (mmio_owner[at + i] && (!first || mmio_owner[at + i] < first))
			first = mmio_owner[at + i];	/* of several the oldest */
	MUST(first ? m && m->dev == &mmio_device[first] : !m);
}

static void mmio(struct bus *bus, struct input *in)
{
	u32 what = input_below(in, 8);
	u64 at = input_below(in, MAPPED), left = MAPPED - at;

	if (what < 3) {
		u64 size = input_below(in, what ? 16 : 64);

		mmio_claim(bus, at, size < left ? size : left);
	} else if (what == 3) {
		u64 size = 1 + input_below(in, 64);

		mmio_find(bus, at, size < left ? size : left);
	} else if (what == 4) {
		u64 beyond = input_below(in, 4);	/* bytes behind the last address */

		if (base + at > beyond)
			MUST(bus_mmio_claim(bus, base + at, beyond - (base + at), NULL, NULL) ==
			     -EINVAL);
	} else {
		u32 size = 1 + input_below(in, 8);

		if (size <= left)
			mmio_use(bus, at, size, what & 1, input_take(in, 8));
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const u64 bases[] = { 0, 0xfedf0000, BIT(32) - 64, UINT64_MAX - MAPPED };
	struct input in = { data, data + size };
	struct bus bus = { .ranges = 0 };

	base = bases[input_below(&in, ARRAY_SIZE(bases))];
	memset(mmio_owner, 0, sizeof(mmio_owner));
	memset(cells, 0, sizeof(cells));
	while (input_left(&in)) {
		u32 what = input_below(&in, 16);
		u16 port;

		if (what > 8) {
			mmio(&bus, &in);
			continue;
		}
		port = (u16)input_take(&in, 2);
		if (what < 2) {
			u32 count = 1 + input_below(&in, what ? 256 : 8);

			if (port + count <= 0x10000)
				claim(&bus, port, (u16)count);
		} else if (what == 8) {
			u16 ports = (u16)(1 + input_below(&in, 128));

			use_bytes(ports, port % ports, (u8)(1 << port / ports % 3), port & 1,
				  (u32)input_take(&in, 4));
		} else {
			use(&bus, port, (u8)(1 << what % 3), what & 1, (u32)input_take(&in, 4));
		}
	}
	for (u32 i = 0; i < bus.ranges; i++)
		memset(owner + bus.range[i].first, 0, bus.range[i].count);
	return 0;
}
