/* See bus.h. */
#include "dev/bus.h"

#include "lib/errno.h"
#include "lib/lab.h"

int bus_claim(struct bus *bus, u16 first, u16 count, bus_handler handler, void *dev)
{
	if (bus->ranges == BUS_MAX_PORTS)
		return -ENOSPC;
	for (u32 i = 0; i < bus->ranges; i++) {
		const struct bus_range *r = &bus->range[i];

		if (first < r->first + r->count && r->first < first + count)
			return -EEXIST;
	}
	bus->range[bus->ranges++] =
		(struct bus_range){ .first = first, .count = count, .handler = handler,
				    .dev = dev };
	return 0;
}

/**
 * One IN or OUT of the guest, of `size` bytes: 1, 2 or 4. The device that has claimed `port` gets
 * it, with the port's offset in its range. Of an OUT it sees only the low `size` bytes of *value;
 * what it answers to an IN goes into *value. Where no device is, an IN reads all ones in its `size`
 * bytes, as from a bus that nobody drives, and an OUT is lost.
 */
void bus_port_access(struct bus *bus, u16 port, u8 size, bool in, u32 *value)
{
	const struct bus_range *end = bus->range + bus->ranges;
	u32 mask = size == 1 ? 0xff : size == 2 ? 0xffff : 0xffffffff;

	*value = in ? mask : *value & mask;
	for (const struct bus_range *r = bus->range; r < end; r++) {
		if ((u16)(port - r->first) < r->count) {
			r->handler(r->dev, (u16)(port - r->first), size, in, value);
			return;
		}
	}
}

void bus_bytes_access(const struct bus_bytes *bytes, void *dev, u16 offset, u8 size, bool in,
		      u32 *value)
{
	u32 seen = 0;

	for (u16 i = 0; i < size; i++) {
		bool ours = offset + i < bytes->ports;

		if (in)
			seen |= (u32)(ours ? bytes->read(dev, offset + i) : 0xff) << 8 * i;
		else if (ours)
			bytes->write(dev, offset + i, (u8)(*value >> 8 * i));
	}
	if (in)
		*value = seen;
}
