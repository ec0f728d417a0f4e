/* See bus.h. */
#include "dev/bus.h"

#include "lib/errno.h"

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

void bus_port_access(struct bus *bus, u16 port, u8 size, bool in, u32 *value)
{
	const struct bus_range *end = bus->range + bus->ranges;

	for (const struct bus_range *r = bus->range; r < end; r++) {
		if ((u16)(port - r->first) < r->count) {
			r->handler(r->dev, (u16)(port - r->first), size, in, value);
			return;
		}
	}
	if (in)
		*value = 0xffffffff >> (32 - 8 * size);
}
