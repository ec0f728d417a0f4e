/**
 * @file bus.h
 * The I/O ports of one VM: which device answers where. Pure.
 */
#ifndef DEV_BUS_H
#define DEV_BUS_H

#include "lib/types.h"

#define BUS_MAX_PORTS 32	/* ranges */

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

struct bus {
	struct bus_range range[BUS_MAX_PORTS];
	u32 ranges;
};

/** Give ports `first` to `first + count - 1` to a device. @return -EEXIST (overlap), -ENOSPC */
int bus_claim(struct bus *bus, u16 first, u16 count, bus_handler handler, void *dev);

/** An IN or OUT of the guest. @param value  OUT: what it wrote; IN: the answer goes here */
void bus_port_access(struct bus *bus, u16 port, u8 size, bool in, u32 *value);

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
