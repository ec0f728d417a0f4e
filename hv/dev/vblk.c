/* See vblk.h. Section numbers are those of virtio 1.2. */
#include "dev/vblk.h"

#include "lib/errno.h"
#include "lib/string.h"

#define BLOCK_DEVICE	2

/* Features (5.2.3) */
#define F_SEG_MAX	BIT(2)
#define F_RO		BIT(5)
#define F_BLK_SIZE	BIT(6)
#define F_FLUSH		BIT(9)
#define F_DISCARD	BIT(13)

/* Requests (5.2.6) */
#define T_IN		0
#define T_OUT		1
#define T_FLUSH		4
#define T_GET_ID	8
#define T_DISCARD	11

#define S_OK		0
#define S_IOERR		1
#define S_UNSUPP	2

#define MAX_DISCARDS	32	/* ranges in a request */

struct config {			/* 5.2.4 */
	u64 capacity;
	u32 size_max, seg_max;
	u32 geometry;
	u32 blk_size;
	u64 topology;
	u8 writeback, unused;
	u16 num_queues;
	u32 max_discard_sectors, max_discard_seg, discard_sector_alignment;
};
static_assert(offsetof(struct config, blk_size) == 20, "5.2.4");
static_assert(offsetof(struct config, max_discard_sectors) == 36, "5.2.4");

struct header {			/* 5.2.6 */
	u32 type, reserved;
	u64 sector;
};
static_assert(sizeof(struct header) == 16, "5.2.6");

struct discard {
	u64 sector;
	u32 sectors, flags;
};
static_assert(sizeof(struct discard) == 16, "5.2.6");

static bool on_disk(const struct vblk *b, u64 sector, u64 sectors)
{
	return sector <= b->sectors && sectors <= b->sectors - sector;
}

/* All between the header, or the start, and the status, or the end. @return S_*; -errno */
static int move(struct vblk *b, u64 sector, bool in)
{
	struct virtq_chain *c = &b->chain;
	u64 at = in ? 0 : sizeof(struct header);
	u64 size = in ? c->writable_size - 1 : c->readable_size - at;
	u8 *disk;

	if (size % VBLK_SECTOR || !on_disk(b, sector, size / VBLK_SECTOR) || (!in && b->read_only))
		return S_IOERR;
	disk = b->disk + sector * VBLK_SECTOR;
	return in ? virtq_write(&b->virtio.memory, c, at, disk, size) :
		    virtq_read(&b->virtio.memory, c, at, disk, size);
}

/* What is discarded reads as zeros. All ranges are looked at before the first one goes. */
static int discard(struct vblk *b)
{
	struct discard range[MAX_DISCARDS];
	u64 size = b->chain.readable_size - sizeof(struct header);
	int err;

	if (!size || size % sizeof(range[0]) || size > sizeof(range) || b->read_only)
		return S_IOERR;
	err = virtq_read(&b->virtio.memory, &b->chain, sizeof(struct header), range, size);
	if (err)
		return err;
	for (u32 i = 0; i < size / sizeof(range[0]); i++) {
		if (range[i].flags)
			return S_UNSUPP;
		if (!on_disk(b, range[i].sector, range[i].sectors))
			return S_IOERR;
	}
	for (u32 i = 0; i < size / sizeof(range[0]); i++)
		memset(b->disk + range[i].sector * VBLK_SECTOR, 0,
		       (u64)range[i].sectors * VBLK_SECTOR);
	return S_OK;
}

/**
 * One request, the chain of the struct vblk at `dev`: a struct header, which is readable, then
 * data, then a byte for the status, S_*, which is the last one of the writable bytes. How these are
 * spread over buffers is the driver's choice (2.7.4), so ask virtq_read() and virtq_write() for
 * them by offset.
 *
 * T_IN: sectors from header.sector on go to the writable bytes before the status; T_OUT: what is
 * behind the header goes to the disk; T_DISCARD: what is behind the header says which sectors to
 * zero; T_FLUSH: nothing is kept back, so nothing is to be done; T_GET_ID: b->id goes to the
 * writable bytes, or the part of it that fits. S_UNSUPP answers any other. move() and discard()
 * return what the status shall be.
 *
 * @param written  out: how many bytes have been written from the first writable one on without a
 *                 gap: the status counts if nothing is missing before it (2.7.8.2)
 * @return 0; -EINVAL: no room for a header or a status; what memory said
 */
static int vblk_request(void *dev, u32 *written)
{
	struct vblk *b = dev;
	struct virtq_chain *c = &b->chain;
	const struct virt_memory *m = &b->virtio.memory;
	struct header h;
	u64 room = c->writable_size - 1, done = 0;	/* bytes before the status */
	u8 status;
	int err;

	if (!c->writable_size)
		return -EINVAL;
	err = virtq_read(m, c, 0, &h, sizeof(h));
	if (err)
		return err;
	switch (h.type) {
	case T_IN: case T_OUT:
		err = move(b, h.sector, h.type == T_IN);
		done = h.type == T_IN && !err ? room : 0;
		break;
	case T_FLUSH:
		break;
	case T_GET_ID:
		done = room < VBLK_ID_SIZE ? room : VBLK_ID_SIZE;
		err = virtq_write(m, c, 0, b->id, done);
		break;
	case T_DISCARD:
		err = discard(b);
		break;
	default:
		err = S_UNSUPP;
	}
	if (err < 0)
		return err;
	status = (u8)err;
	*written = (u32)(done == room ? room + 1 : done);
	return virtq_write(m, c, room, &status, 1);
}

static int notify(void *dev, u32 queue)
{
	struct vblk *b = dev;

	return virtio_serve(&b->virtio, queue, &b->chain, vblk_request);
}

static void config(void *dev, u8 *bytes)
{
	const struct vblk *b = dev;
	struct config c = {
		.capacity = b->sectors,
		.seg_max = VIRTQ_MAX - 2,	/* and a header, and a status */
		.blk_size = VBLK_SECTOR,
		.max_discard_sectors = UINT32_MAX,
		.max_discard_seg = MAX_DISCARDS,
		.discard_sector_alignment = 1,
	};

	memcpy(bytes, &c, sizeof(c));
}

#define KIND(more) { .id = BLOCK_DEVICE, .queues = 1, .config_size = sizeof(struct config), \
		     .features = F_SEG_MAX | F_BLK_SIZE | F_FLUSH | (more), \
		     .config = config, .notify = notify }

void vblk_init(struct vblk *b, const struct virt_memory *memory)
{
	static const struct virtio_kind writable = KIND(F_DISCARD), read_only = KIND(F_RO);

	b->virtio = (struct virtio){ .kind = b->read_only ? &read_only : &writable, .dev = b,
				     .memory = *memory };
}
