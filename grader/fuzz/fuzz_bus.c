/*
 * fuzz: Claims ports and uses them. Each access reaches the one device that has claimed the port,
 *       or none; nobody has a port that another has. A device of bytes gets each byte once.
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

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, data + size };
	struct bus bus = { .ranges = 0 };

	while (input_left(&in)) {
		u32 what = input_below(&in, 9);
		u16 port = (u16)input_take(&in, 2);

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
