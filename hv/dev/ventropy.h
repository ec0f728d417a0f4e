/**
 * @file ventropy.h
 * A virtio entropy device (virtio 1.2, 5.4): fills buffers with random bytes. Pure.
 */
#ifndef DEV_VENTROPY_H
#define DEV_VENTROPY_H

#include "dev/virtio.h"

/** Set `random` and `ctx`; ventropy_init() sets up `virtio`. */
struct ventropy {
	struct virtio virtio;
	u64 (*random)(void *ctx);	/**< 64 random bits */
	void *ctx;
	struct virtq_chain chain;	/* under work */
};

void ventropy_init(struct ventropy *e, const struct virt_memory *memory);

#endif
