/**
 * @file vprobe.h
 * A device that no PC has, for guests that want to see what becomes of their accesses. Pure.
 *
 * It has a little memory, which is only that, and a stream: a read takes the next bytes from it,
 * and of every access, with its place and size, a sum is made. So an access that is done twice, or
 * not at all, or in two parts, or in another order, shows. What can be asked for is at ports.
 */
#ifndef DEV_VPROBE_H
#define DEV_VPROBE_H

#include "lib/types.h"

#define VPROBE_MEMORY		0xfedf0000ull	/* guest physical address */
#define VPROBE_MEMORY_SIZE	0x1000
#define VPROBE_STREAM		0xfedf1000ull
#define VPROBE_STREAM_SIZE	0xff4		/* it ends in the middle of a page, and of a word */
#define VPROBE_PORT		0x2a0
#define VPROBE_PORTS		12

/* Ports: bytes 0 to 3 are the stream, as well. */
#define VPROBE_SEED		4	/* OUT: a new seed, for stream and sum */
#define VPROBE_SUM		4	/* IN: the sum's bits 31:0 ... */
#define VPROBE_SUM_HIGH		8	/* ... and 63:32 */

/** All zero is as after a seed of 0. */
struct vprobe {
	u8 memory[VPROBE_MEMORY_SIZE];
	u64 next;		/**< the stream's next byte is bits 63:56 of what this becomes */
	u64 sum;
};

/** bus_mmio_handler for the memory. */
void vprobe_memory(void *dev, u64 offset, u32 size, bool write, u64 *value);

/**
 * bus_mmio_handler for the stream. To read 4 bytes is to read one byte four times, lowest address
 * first, but the sum notes a read of 4.
 */
void vprobe_stream(void *dev, u64 offset, u32 size, bool write, u64 *value);

/** bus_handler for the ports. In the sum an access to a port has bit 16 of its place set. */
void vprobe_port(void *dev, u16 offset, u8 size, bool in, u32 *value);

#endif
