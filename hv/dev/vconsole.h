/**
 * @file vconsole.h
 * A virtio console (virtio 1.2, 5.3): what the driver sends comes out on the VM's channel, what
 * somebody types goes to the driver. Pure.
 */
#ifndef DEV_VCONSOLE_H
#define DEV_VCONSOLE_H

#include "dev/virtio.h"

#define VCONSOLE_TYPED	256	/* bytes that wait for the driver */

/** Set `send` and `ctx`; vconsole_init() sets up `virtio`. */
struct vconsole {
	struct virtio virtio;
	void (*send)(void *ctx, const char *text, u64 size);
	void *ctx;
	u8 typed[VCONSOLE_TYPED];	/* a ring: the oldest is at `first` */
	u32 first, count;
	struct virtq_chain chain;	/* under work */
};

void vconsole_init(struct vconsole *c, const struct virt_memory *memory);

/** How many characters can be typed. */
static inline u32 vconsole_room(const struct vconsole *c)
{
	return VCONSOLE_TYPED - c->count;
}

/** A character comes in. @return false: there is no room, it is lost */
bool vconsole_receive(struct vconsole *c, u8 character);

#endif
