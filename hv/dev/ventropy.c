/* See ventropy.h. Section numbers are those of virtio 1.2. */
#include "dev/ventropy.h"

#include "lib/errno.h"

#define ENTROPY_DEVICE	4
#define MOST		4096	/* bytes for one chain: a driver that wants more asks again */

/* The driver gives nothing to read (5.4.6.1); it gets at least one byte. */
static int fill(void *dev, u32 *written)
{
	struct ventropy *e = dev;
	u32 size = e->chain.writable_size < MOST ? (u32)e->chain.writable_size : MOST;

	if (e->chain.readable || !size)
		return -EINVAL;
	for (u32 at = 0; at < size; at += 8) {
		u64 word = e->random(e->ctx);
		int err = virtq_write(&e->virtio.memory, &e->chain, at, &word,
				      size - at < 8 ? size - at : 8);

		if (err)
			return err;
	}
	*written = size;
	return 0;
}

static int notify(void *dev, u32 queue)
{
	struct ventropy *e = dev;

	return virtio_serve(&e->virtio, queue, &e->chain, fill);
}

static void config(void *dev, u8 *bytes)
{
}

void ventropy_init(struct ventropy *e, const struct virt_memory *memory)
{
	static const struct virtio_kind kind = {
		.id = ENTROPY_DEVICE, .queues = 1, .config = config, .notify = notify,
	};

	e->virtio = (struct virtio){ .kind = &kind, .dev = e, .memory = *memory };
}
