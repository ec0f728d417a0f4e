/**
 * @file vswitch.h
 * An Ethernet switch between the network devices of VMs. Pure. It learns from each frame at which
 * port its sender is, and sends a frame to one port if it knows which, else to all but the
 * sender's.
 */
#ifndef DEV_VSWITCH_H
#define DEV_VSWITCH_H

#include "lib/types.h"

#define VSWITCH_PORTS	128
#define VSWITCH_LEARNED	256	/* addresses; a new one takes the place of the oldest */

#define ETH_ADDRESS	6	/* bytes */
#define ETH_MIN		14	/* of a frame: two addresses and a type */
#define ETH_MAX		1514	/* and 1500 of payload; there is no checksum behind it */

/** Where a frame goes to. */
struct vswitch_port {
	void (*receive)(void *ctx, const u8 *frame, u32 size);
	void *ctx;
};

struct vswitch_learned {
	u8 address[ETH_ADDRESS];
	u16 port;
	bool valid;
};

/** All zero is one without ports. */
struct vswitch {
	u32 ports;
	struct vswitch_port port[VSWITCH_PORTS];
	struct vswitch_learned learned[VSWITCH_LEARNED];
	u32 oldest;			/* of `learned` */
};

/** Plug something in. @return the number of its port; -ENOSPC */
int vswitch_plug(struct vswitch *s, void (*receive)(void *ctx, const u8 *frame, u32 size),
		 void *ctx);

/**
 * A frame comes in at a port. One that is too short or too long, or whose sender is a group, is
 * lost.
 */
void vswitch_send(struct vswitch *s, u32 port, const u8 *frame, u32 size);

/** Pull it out: nothing is sent there any more, and what was learned of it is forgotten. */
void vswitch_unplug(struct vswitch *s, u32 port);

#endif
