/* See virtio.h. Section numbers are those of virtio 1.2. */
#include "dev/virtio.h"

#include "lib/string.h"

#define MAGIC		0x74726976	/* "virt" */
#define VERSION		2
#define VENDOR		0x7473654e	/* "Nest" */
#define COMMON_FEATURES	(VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_F_VERSION_1)

/* ---- What the device says ------------------------------------------------------------------- */

void virtio_broken(struct virtio *v)
{
	if (!v->status)			/* it has been reset meanwhile */
		return;
	v->status |= VIRTIO_S_NEEDS_RESET;
	if (v->status & VIRTIO_S_DRIVER_OK)
		v->interrupt |= VIRTIO_I_CONFIG;
}

int virtio_tell(struct virtio *v, u32 queue)
{
	int wants = virtq_wants_interrupt(&v->queue[queue], &v->memory);

	if (wants > 0)
		v->interrupt |= VIRTIO_I_QUEUE;
	return wants < 0 ? wants : 0;
}

int virtio_serve(struct virtio *v, u32 queue, struct virtq_chain *c,
		 int (*serve)(void *dev, u32 *written))
{
	struct virtq *q = &v->queue[queue];
	int more;

	do {
		while ((more = virtq_pop(q, &v->memory, c)) > 0) {
			u32 written = 0;

			more = serve(v->dev, &written) ?:
			       virtq_push(q, &v->memory, c->head, written);
			if (more)
				return more;
		}
		more = more ?: virtq_listen(q, &v->memory);
	} while (more > 0);
	return more ?: virtio_tell(v, queue);
}

void virtio_wake(struct virtio *v, u32 queue)
{
	if (virtio_is_live(v) && v->queue[queue].ready && v->kind->notify(v->dev, queue))
		virtio_broken(v);
}

void virtio_config_changed(struct virtio *v)
{
	v->generation++;
	if (virtio_is_live(v))
		v->interrupt |= VIRTIO_I_CONFIG;
}

/* ---- Status --------------------------------------------------------------------------------- */

static u64 offered(const struct virtio *v)
{
	return COMMON_FEATURES | v->kind->features;
}

static void reset(struct virtio *v)
{
	if (v->kind->reset)
		v->kind->reset(v->dev);
	memset(v->queue, 0, sizeof(v->queue));
	v->driver_features = 0;
	v->device_features_sel = v->driver_features_sel = v->queue_sel = 0;
	v->fell |= v->interrupt != 0;
	v->status = v->interrupt = 0;
}

/**
 * The driver writes the status (2.1, 3.1.1). 0 resets the device. Any other value adds bits: it can
 * take none away, and VIRTIO_S_NEEDS_RESET is not the driver's to set. Each step comes only after
 * the one before it, or with it: ACKNOWLEDGE, DRIVER, FEATURES_OK, DRIVER_OK; a bit that comes too
 * early is not set. FAILED may come at any time.
 *
 * FEATURES_OK is refused, by not being set, if the driver wants a feature that is not offered(), or
 * does not want VIRTIO_F_VERSION_1. If not, each queue learns of its VIRTIO_F_INDIRECT_DESC and
 * VIRTIO_F_EVENT_IDX. When the driver says DRIVER_OK, it may have put chains into queues already,
 * but it notifies us only afterwards.
 */
static void write_status(struct virtio *v, u32 value)
{
	static const u32 steps[] = { VIRTIO_S_ACKNOWLEDGE, VIRTIO_S_DRIVER, VIRTIO_S_FEATURES_OK,
				     VIRTIO_S_DRIVER_OK };

	if (!value) {
		reset(v);
		return;
	}
	v->status |= value & VIRTIO_S_FAILED;
	for (u32 i = 0; i < ARRAY_SIZE(steps); i++) {
		if (v->status & steps[i])
			continue;
		if (!(value & steps[i]))
			return;
		if (steps[i] == VIRTIO_S_FEATURES_OK &&
		    (v->driver_features & ~offered(v) || !virtio_has(v, VIRTIO_F_VERSION_1)))
			return;
		v->status |= steps[i];
	}
}

/* ---- Queues --------------------------------------------------------------------------------- */

/* The queue that the driver has selected; NULL: there is no such one. */
static struct virtq *selected(struct virtio *v)
{
	return v->queue_sel < v->kind->queues ? &v->queue[v->queue_sel] : NULL;
}

static void write_ready(struct virtio *v, struct virtq *q, u32 value)
{
	u32 num = q->num;
	u64 desc = q->desc, avail = q->avail, used = q->used;

	if (!(value & 1)) {		/* it begins anew, where the driver then says */
		*q = (struct virtq){ .num = num, .desc = desc, .avail = avail, .used = used };
		return;
	}
	if (!(v->status & VIRTIO_S_FEATURES_OK) || !virtq_is_sane(q))
		return;
	q->indirect = virtio_has(v, VIRTIO_F_INDIRECT_DESC);
	q->event_idx = virtio_has(v, VIRTIO_F_EVENT_IDX);
	q->ready = true;
}

static void write_half(u64 *address, bool high, u32 value)
{
	*address = high ? (u32)*address | (u64)value << 32 : (*address & ~0xffffffffull) | value;
}

/* What belongs to the selected queue. A queue that is ready can't be changed (4.2.2.2). */
static void write_queue(struct virtio *v, u32 offset, u32 value)
{
	struct virtq *q = selected(v);

	if (q && offset == VIRTIO_QUEUE_READY && (!q->ready || !(value & 1)))
		write_ready(v, q, value);
	if (!q || q->ready)
		return;
	switch (offset) {
	case VIRTIO_QUEUE_NUM:
		q->num = value;
		break;
	case VIRTIO_QUEUE_DESC: case VIRTIO_QUEUE_DESC + 4:
		write_half(&q->desc, offset & 4, value);
		break;
	case VIRTIO_QUEUE_DRIVER: case VIRTIO_QUEUE_DRIVER + 4:
		write_half(&q->avail, offset & 4, value);
		break;
	case VIRTIO_QUEUE_DEVICE: case VIRTIO_QUEUE_DEVICE + 4:
		write_half(&q->used, offset & 4, value);
		break;
	default:
		break;
	}
}

/* ---- Registers ------------------------------------------------------------------------------ */

static u32 read_register(struct virtio *v, u32 offset)
{
	const struct virtq *q = selected(v);

	switch (offset) {
	case VIRTIO_MAGIC: return MAGIC;
	case VIRTIO_VERSION: return VERSION;
	case VIRTIO_DEVICE_ID: return v->kind->id;
	case VIRTIO_VENDOR_ID: return VENDOR;
	case VIRTIO_DEVICE_FEATURES:
		return v->device_features_sel > 1 ? 0 :
		       (u32)(offered(v) >> 32 * v->device_features_sel);
	case VIRTIO_QUEUE_NUM_MAX: return q ? VIRTQ_MAX : 0;
	case VIRTIO_QUEUE_READY: return q && q->ready;
	case VIRTIO_INTERRUPT_STATUS: return v->interrupt;
	case VIRTIO_STATUS: return v->status;
	case VIRTIO_SHM_LEN: case VIRTIO_SHM_LEN + 4:		/* there is no shared memory */
	case VIRTIO_SHM_BASE: case VIRTIO_SHM_BASE + 4:
		return UINT32_MAX;
	case VIRTIO_CONFIG_GENERATION: return v->generation;
	default: return 0;
	}
}

static void write_register(struct virtio *v, u32 offset, u32 value)
{
	switch (offset) {
	case VIRTIO_DEVICE_FEATURES_SEL:
		v->device_features_sel = value;
		break;
	case VIRTIO_DRIVER_FEATURES_SEL:
		v->driver_features_sel = value;
		break;
	case VIRTIO_DRIVER_FEATURES:	/* not after it was said that these are all */
		if (v->driver_features_sel <= 1 && !(v->status & VIRTIO_S_FEATURES_OK))
			write_half(&v->driver_features, v->driver_features_sel, value);
		break;
	case VIRTIO_QUEUE_SEL:
		v->queue_sel = value;
		break;
	case VIRTIO_QUEUE_NOTIFY:
		if (value < v->kind->queues)
			virtio_wake(v, value);
		break;
	case VIRTIO_INTERRUPT_ACK:
		v->fell |= v->interrupt && !(v->interrupt & ~value);
		v->interrupt &= ~value;
		break;
	case VIRTIO_STATUS:
		write_status(v, value);
		break;
	default:
		write_queue(v, offset, value);
	}
}

static void access_config(struct virtio *v, u32 offset, u32 size, bool write, u64 *value)
{
	u8 bytes[VIRTIO_SIZE - VIRTIO_CONFIG + 8] = { 0 };

	if (write) {
		if (v->kind->config_write && offset + size <= v->kind->config_size)
			v->kind->config_write(v->dev, offset, size, (u32)*value);
		return;
	}
	v->kind->config(v->dev, bytes);
	*value = 0;
	memcpy(value, bytes + offset, size);
}

/* The registers have 4 bytes and are accessed as such (4.2.2.2); of others nothing comes. */
void virtio_access(void *dev, u64 offset, u32 size, bool write, u64 *value)
{
	struct virtio *v = dev;

	if (offset >= VIRTIO_CONFIG)
		access_config(v, (u32)(offset - VIRTIO_CONFIG), size, write, value);
	else if (size != 4 || offset % 4)
		*value = write ? *value : 0;
	else if (write)
		write_register(v, (u32)offset, (u32)*value);
	else
		*value = read_register(v, (u32)offset);
}
