/**
 * @file vblk.h
 * A virtio block device (virtio 1.2, 5.2) whose sectors are in memory. Pure.
 */
#ifndef DEV_VBLK_H
#define DEV_VBLK_H

#include "dev/virtio.h"

#define VBLK_SECTOR	512	/* bytes */
#define VBLK_ID_SIZE	20	/* bytes of its name, filled up with zeros */

/** Set all but `virtio`, of which vblk_init() sets up what is to be set. */
struct vblk {
	struct virtio virtio;
	u8 *disk;
	u64 sectors;
	bool read_only;
	char id[VBLK_ID_SIZE];
	struct virtq_chain chain;	/* the request under work */
};

void vblk_init(struct vblk *b, const struct virt_memory *memory);

#endif
