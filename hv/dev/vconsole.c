/* See vconsole.h. Section numbers are those of virtio 1.2. */
#include "dev/vconsole.h"

#include "lib/errno.h"
#include "lib/string.h"

#define CONSOLE_DEVICE	3
#define RECEIVE		0	/* queues (5.3.2) */
#define TRANSMIT	1

#define F_SIZE		BIT(0)
#define F_EMERG_WRITE	BIT(2)

struct config {			/* 5.3.4 */
	u16 columns, rows;
	u32 max_ports;
	u32 emerg_wr;
};

/* ---- From the driver ------------------------------------------------------------------------ */

/**
 * Send all that is in the readable buffers of the chain c->chain, in their order, with c->send().
 * However long a buffer is, only a small piece of it is here at a time.
 * @return 0; -EINVAL: the chain has writable buffers, which the driver must not put there; what
 *         memory said
 */
static int transmit(void *dev, u32 *written)
{
	struct vconsole *c = dev;
	char piece[128];
	u64 left = c->chain.readable_size;

	if (c->chain.writable)
		return -EINVAL;
	for (u64 at = 0; left;) {
		u64 size = left < sizeof(piece) ? left : sizeof(piece);
		int err = virtq_read(&c->virtio.memory, &c->chain, at, piece, size);

		if (err)
			return err;
		c->send(c->ctx, piece, size);
		at += size;
		left -= size;
	}
	return 0;
}

/* ---- To the driver -------------------------------------------------------------------------- */

bool vconsole_receive(struct vconsole *c, u8 character)
{
	if (!vconsole_room(c))
		return false;
	c->typed[(c->first + c->count++) % VCONSOLE_TYPED] = character;
	return true;
}

/**
 * Put what was typed into the writable buffers of the chain c->chain, as much as there is and as
 * fits; it is then no longer in c->typed, which is a ring of VCONSOLE_TYPED bytes: c->count of them
 * wait, the oldest is at c->first.
 * @param written  out: how many bytes that was
 * @return 0; -EINVAL: the chain has nothing to write to; what memory said, and nothing is lost
 */
static int receive(struct vconsole *c, u32 *written)
{
	u32 size = c->count;

	if (!c->chain.writable_size)
		return -EINVAL;
	if (size > c->chain.writable_size)
		size = (u32)c->chain.writable_size;
	for (u32 i = 0; i < size; i++) {
		int err = virtq_write(&c->virtio.memory, &c->chain, i,
				      &c->typed[(c->first + i) % VCONSOLE_TYPED], 1);

		if (err)
			return err;
	}
	c->first = (c->first + size) % VCONSOLE_TYPED;
	c->count -= size;
	*written = size;
	return 0;
}

/* ---- Queues --------------------------------------------------------------------------------- */

/* A chain of the receive queue waits there until somebody types. */
static int serve_typed(struct vconsole *c)
{
	struct virtq *q = &c->virtio.queue[RECEIVE];
	const struct virt_memory *m = &c->virtio.memory;
	int more = 1;

	while (c->count && more > 0) {
		u32 written = 0;
		int err;

		more = virtq_pop(q, m, &c->chain);
		if (!more) {
			more = virtq_listen(q, m);
		} else if (more > 0) {
			err = receive(c, &written) ?: virtq_push(q, m, c->chain.head, written);
			if (err)
				return err;
		}
	}
	return more < 0 ? more : virtio_tell(&c->virtio, RECEIVE);
}

static int notify(void *dev, u32 queue)
{
	struct vconsole *c = dev;

	return queue == TRANSMIT ? virtio_serve(&c->virtio, queue, &c->chain, transmit) :
				   serve_typed(c);
}

static void config(void *dev, u8 *bytes)
{
	struct config c = { .columns = 80, .rows = 25, .max_ports = 1 };

	memcpy(bytes, &c, sizeof(c));
}

/* A character without a queue, for a kernel in trouble (5.3.5.1). */
static void config_write(void *dev, u32 offset, u32 size, u32 value)
{
	struct vconsole *c = dev;
	char character = (char)value;

	if (offset == offsetof(struct config, emerg_wr))
		c->send(c->ctx, &character, 1);
}

void vconsole_init(struct vconsole *c, const struct virt_memory *memory)
{
	static const struct virtio_kind kind = {
		.id = CONSOLE_DEVICE, .queues = 2, .config_size = sizeof(struct config),
		.features = F_SIZE | F_EMERG_WRITE, .config = config, .config_write = config_write,
		.notify = notify,
	};

	c->virtio = (struct virtio){ .kind = &kind, .dev = c, .memory = *memory };
}
