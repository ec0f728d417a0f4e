/**
 * @file vnet.h
 * A virtio network device (virtio 1.2, 5.1). Pure. Frames go to and come from what it is plugged
 * into: a switch. A frame that comes while the driver has no buffer for it is lost, as on a wire.
 */
#ifndef DEV_VNET_H
#define DEV_VNET_H

#include "dev/virtio.h"
#include "dev/vswitch.h"

#define VNET_HEADER	12	/* bytes before each frame (5.1.6) */

/** Set `send`, `ctx` and `address`; vnet_init() sets up `virtio`. */
struct vnet {
	struct virtio virtio;
	void (*send)(void *ctx, const u8 *frame, u32 size);
	void *ctx;
	u8 address[ETH_ADDRESS];
	u64 received, lost;		/* frames for the driver */
	struct virtq_chain chain;	/* under work */
};

void vnet_init(struct vnet *n, const struct virt_memory *memory);

/** A frame of at most ETH_MAX bytes comes in. */
void vnet_receive(struct vnet *n, const u8 *frame, u32 size);

#endif
