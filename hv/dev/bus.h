/**
 * @file bus.h
 * The I/O ports of one VM, and the guest physical addresses where a device is instead of memory:
 * which device answers where. Pure.
 */
#ifndef DEV_BUS_H
#define DEV_BUS_H

#include "lib/types.h"

#define BUS_MAX_PORTS 32	/* ranges */
#define BUS_MAX_MMIO 32		/* ranges */

/**
 * One access to a device.
 * @param offset  from the start of the device's range
 * @param size    bytes: 1, 2 or 4
 * @param value   OUT: what the guest wrote; IN: the answer goes here
 */
typedef void (*bus_handler)(void *dev, u16 offset, u8 size, bool in, u32 *value);

struct bus_range {
	u16 first, count;
	bus_handler handler;
	void *dev;
};

/**
 * One access to a memory-mapped device, which is whole inside its range.
 * @param offset  from the start of the range; it need not be a multiple of `size`
 * @param size    bytes: 1, 2, 4 or 8
 * @param value   write: what the guest wrote; read: the answer goes here. Nothing above its bytes
 *                is set in the one, or counts in the other
 */
typedef void (*bus_mmio_handler)(void *dev, u64 offset, u32 size, bool write, u64 *value);

struct bus_mmio {
	u64 first, size;	/* guest physical address, bytes */
	bus_mmio_handler handler;
	void *dev;
};

struct bus {
	struct bus_range range[BUS_MAX_PORTS];
	u32 ranges;
	struct bus_mmio mmio[BUS_MAX_MMIO];
	u32 mmios;
};

/** Give ports `first` to `first + count - 1` to a device. @return -EEXIST (overlap), -ENOSPC */
int bus_claim(struct bus *bus, u16 first, u16 count, bus_handler handler, void *dev);

/** An IN or OUT of the guest. @param value  OUT: what it wrote; IN: the answer goes here */
void bus_port_access(struct bus *bus, u16 port, u8 size, bool in, u32 *value);

/**
 * Give `size` bytes of guest physical addresses from `first` on to a device.
 * @return -EINVAL: no bytes, or they wrap; -EEXIST: another device has one of them; -ENOSPC
 */
int bus_mmio_claim(struct bus *bus, u64 first, u64 size, bus_mmio_handler handler, void *dev);

/** The first range that has one of these `size` bytes (at least 1); NULL: there is none. */
const struct bus_mmio *bus_mmio_find(const struct bus *bus, u64 first, u64 size);

/**
 * An access of the guest where there is no memory.
 * @param at     guest physical address of the first byte
 * @param size   bytes: 1 to 8
 * @param value  write: what it wrote; read: the answer goes here
 */
void bus_mmio_access(const struct bus *bus, u64 at, u32 size, bool write, u64 *value);

/** A device whose registers are bytes; `offset` is below `ports`. */
struct bus_bytes {
	u16 ports;
	u8 (*read)(void *dev, u16 offset);
	void (*write)(void *dev, u16 offset, u8 v);
};

/** Its bus_handler: a wide access is one to each port in turn; beyond the last there is nothing. */
void bus_bytes_access(const struct bus_bytes *bytes, void *dev, u16 offset, u8 size, bool in,
		      u32 *value);

#endif
