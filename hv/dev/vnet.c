/* See vnet.h. Section numbers are those of virtio 1.2. */
#include "dev/vnet.h"

#include "lib/errno.h"
#include "lib/string.h"

#define NETWORK_DEVICE	1
#define RECEIVE		0	/* queues (5.1.2) */
#define TRANSMIT	1

#define F_MAC		BIT(5)
#define F_STATUS	BIT(16)
#define S_LINK_UP	1

struct config {			/* 5.1.4 */
	u8 mac[ETH_ADDRESS];
	u16 status;
};

/* What the driver may leave to a device, it does not: we offer neither checksums nor segments. */
struct header {			/* 5.1.6 */
	u8 flags, gso_type;
	u16 hdr_len, gso_size, csum_start, csum_offset;
	u16 num_buffers;
};
static_assert(sizeof(struct header) == VNET_HEADER, "5.1.6");

/* A header and a frame, in buffers to be read only (5.1.6.2). What is no frame is not sent. */
static int transmit(void *dev, u32 *written)
{
	struct vnet *n = dev;
	u64 size = n->chain.readable_size - VNET_HEADER;
	u8 frame[ETH_MAX];
	int err;

	if (n->chain.writable || n->chain.readable_size < VNET_HEADER)
		return -EINVAL;
	if (size < ETH_MIN || size > sizeof(frame))
		return 0;
	err = virtq_read(&n->virtio.memory, &n->chain, VNET_HEADER, frame, size);
	if (!err)
		n->send(n->ctx, frame, (u32)size);
	return err;
}

/* In the receive queue the buffers wait for frames. */
static int notify(void *dev, u32 queue)
{
	struct vnet *n = dev;

	return queue == TRANSMIT ? virtio_serve(&n->virtio, queue, &n->chain, transmit) : 0;
}

/**
 * Put a frame into the next chain of the receive queue (5.1.6.4): a struct header, all of it 0 but
 * `num_buffers`, which is 1, and behind it the frame; in the driver's writable buffers, however
 * they are cut. Then give the chain back, with the number of bytes in it, and tell the driver.
 *
 * The driver must offer nothing to read there, and room for the largest frame: if the frame does
 * not fit, that is an error, too.
 * @return 1; 0: the driver has no chain there, the frame is lost; -EINVAL, or another error
 */
static int put_frame(struct vnet *n, const u8 *frame, u32 size)
{
	const struct header h = { .num_buffers = 1 };
	const struct virt_memory *m = &n->virtio.memory;
	struct virtq *q = &n->virtio.queue[RECEIVE];
	int got = virtq_pop(q, m, &n->chain), err;

	if (got <= 0)
		return got;
	if (n->chain.readable || n->chain.writable_size < sizeof(h) + size)
		return -EINVAL;
	err = virtq_write(m, &n->chain, 0, &h, sizeof(h)) ?:
	      virtq_write(m, &n->chain, sizeof(h), frame, size) ?:
	      virtq_push(q, m, n->chain.head, (u32)sizeof(h) + size) ?:
	      virtio_tell(&n->virtio, RECEIVE);
	return err ?: 1;
}

void vnet_receive(struct vnet *n, const u8 *frame, u32 size)
{
	int done = 0;

	if (virtio_is_live(&n->virtio))
		done = put_frame(n, frame, size);
	if (done < 0)
		virtio_broken(&n->virtio);
	if (done > 0)
		n->received++;
	else
		n->lost++;
}

static void config(void *dev, u8 *bytes)
{
	const struct vnet *n = dev;
	struct config c = { .status = S_LINK_UP };

	memcpy(c.mac, n->address, ETH_ADDRESS);
	memcpy(bytes, &c, sizeof(c));
}

void vnet_init(struct vnet *n, const struct virt_memory *memory)
{
	static const struct virtio_kind kind = {
		.id = NETWORK_DEVICE, .queues = 2, .config_size = sizeof(struct config),
		.features = F_MAC | F_STATUS, .config = config, .notify = notify,
	};

	n->virtio = (struct virtio){ .kind = &kind, .dev = n, .memory = *memory };
}
