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

/* ---- Memory-mapped devices ------------------------------------------------------------------ */

const struct bus_mmio *bus_mmio_find(const struct bus *bus, u64 first, u64 size)
{
	const struct bus_mmio *end = bus->mmio + bus->mmios;

	for (const struct bus_mmio *m = bus->mmio; m < end; m++) {
		if (first - m->first < m->size || m->first - first < size)
			return m;
	}
	return NULL;
}

int bus_mmio_claim(struct bus *bus, u64 first, u64 size, bus_mmio_handler handler, void *dev)
{
	if (!size || first + size < first)
		return -EINVAL;
	if (bus->mmios == BUS_MAX_MMIO)
		return -ENOSPC;
	if (bus_mmio_find(bus, first, size))
		return -EEXIST;
	bus->mmio[bus->mmios++] = (struct bus_mmio){ .first = first, .size = size,
						     .handler = handler, .dev = dev };
	return 0;
}

/**
 * An access that no device can have as a whole: `size` accesses of one byte by bus_mmio_access(),
 * lowest address first. The byte at address `at` is bits 7:0 of *value, the next one 15:8 ...; of
 * a read nothing is left above them.
 */
__maybe_unused static __noinline void in_bytes(const struct bus *bus, u64 at, u32 size, bool write,
					       u64 *value)
{
	u64 answer = 0;

	for (u32 i = 0; i < size; i++) {
		u64 byte = *value >> 8 * i & 0xff;

		bus_mmio_access(bus, at + i, 1, write, &byte);
		answer |= byte << 8 * i;
	}
	*value = answer;
}

/**
 * One access of the guest to `size` bytes, 1 to 8, at guest physical address `at`, where there is
 * no memory. bus_mmio_find() tells whose they are.
 *
 * An access of 1, 2, 4 or 8 bytes that are all one device's goes to that device as it is, once,
 * with its offset in the device's range. Any other is made of accesses of one byte, by in_bytes(),
 * and so may reach two devices, or go beyond a device's end. A byte that is no device's reads as
 * ff, and is lost when written.
 *
 * Of a write the device sees the low `size` bytes of *value, and nothing above. Of what it answers
 * to a read the low `size` bytes go into *value, and nothing above.
 */
void bus_mmio_access(const struct bus *bus, u64 at, u32 size, bool write, u64 *value)
{
	const struct bus_mmio *m = bus_mmio_find(bus, at, 1);
	u64 mask = UINT64_MAX >> (64 - 8 * size);

	*value &= mask;
	if (m && m->size - (at - m->first) >= size && !(size & (size - 1))) {
		m->handler(m->dev, at - m->first, size, write, value);
		*value &= mask;
		return;
	}
	if (size == 1) {
		*value = 0xff;
		return;
	}
	in_bytes(bus, at, size, write, value);
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
