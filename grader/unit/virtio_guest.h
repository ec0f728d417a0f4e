/*
 * For tests of virtio devices: a guest's memory, whose reads are counted, and a driver's half of
 * two queues. The memory does not begin at 0, so that an address that nobody has set is outside.
 */
#ifndef UNIT_VIRTIO_GUEST_H
#define UNIT_VIRTIO_GUEST_H

#include "dev/virtio.h"
#include "lib/errno.h"
#include "lib/string.h"

#define BASE		0x100000ull
#define SIZE		0x10000u
#define QUEUE_SIZE	0x4000u			/* of memory for each queue */
#define DESC(queue)	(BASE + (queue) * QUEUE_SIZE)
#define AVAIL(queue)	(DESC(queue) + 0x1000)
#define USED(queue)	(DESC(queue) + 0x2000)
#define TABLE		(BASE + 2 * QUEUE_SIZE)	/* an indirect one */
#define DATA		(TABLE + 0x2000)
#define END		(BASE + SIZE)

#define F_NEXT		VIRTQ_DESC_F_NEXT
#define F_WRITE		VIRTQ_DESC_F_WRITE
#define F_INDIRECT	VIRTQ_DESC_F_INDIRECT

static u8 guest[SIZE];
static u8 reads[SIZE];				/* how often the device has read each byte */
static u32 outside;				/* accesses that were refused */
static void (*after)(u64 gpa, u64 size, bool write);	/* each access. May be NULL */
static bool refuse;				/* from now on, whatever the address */
static u16 avail_idx[VIRTIO_MAX_QUEUES];
static u32 queue_num = 8;			/* of all queues */

static inline int guest_access(u64 gpa, void *in, const void *out, u64 size)
{
	if (gpa < BASE || gpa - BASE > SIZE || size > SIZE - (gpa - BASE)) {
		outside++;
		return -EFAULT;
	}
	if (in)
		memcpy(in, guest + (gpa - BASE), size);
	else
		memcpy(guest + (gpa - BASE), out, size);
	for (u64 i = 0; in && i < size; i++)
		reads[gpa - BASE + i]++;
	if (after)
		after(gpa, size, !in);
	return refuse ? -EFAULT : 0;
}

static inline int guest_read(void *ctx, u64 gpa, void *buf, u64 size)
{
	return guest_access(gpa, buf, NULL, size);
}

static inline int guest_write(void *ctx, u64 gpa, const void *buf, u64 size)
{
	return guest_access(gpa, NULL, buf, size);
}

static const struct virt_memory memory = { guest_read, guest_write, NULL };

/* Empty memory and queues. */
static inline void guest_start(u32 num)
{
	memset(guest, 0, sizeof(guest));
	memset(reads, 0, sizeof(reads));
	memset(avail_idx, 0, sizeof(avail_idx));
	outside = 0;
	refuse = false;
	after = NULL;
	queue_num = num;
}

static inline u32 most_reads(u64 gpa, u64 size)
{
	u32 most = 0;

	for (u64 i = gpa - BASE; i < gpa - BASE + size; i++)
		most = reads[i] > most ? reads[i] : most;
	return most;
}

/* The driver's own accesses. */
static inline void put(u64 gpa, u64 value, u32 size)
{
	memcpy(guest + (gpa - BASE), &value, size);
}

static inline u64 get(u64 gpa, u32 size)
{
	u64 value = 0;

	memcpy(&value, guest + (gpa - BASE), size);
	return value;
}

/* ---- Queues --------------------------------------------------------------------------------- */

static inline void describe(u64 table, u32 i, u64 address, u32 size, u32 flags, u32 next)
{
	put(table + i * 16, address, 8);
	put(table + i * 16 + 8, size, 4);
	put(table + i * 16 + 12, flags, 2);
	put(table + i * 16 + 14, next, 2);
}

static inline void offer(u32 queue, u16 head)
{
	put(AVAIL(queue) + 4 + avail_idx[queue] % queue_num * 2, head, 2);
	put(AVAIL(queue) + 2, ++avail_idx[queue], 2);
}

/* A chain of one buffer, in descriptor 0. */
static inline void offer_one(u32 queue, u64 address, u32 size, u32 flags)
{
	describe(DESC(queue), 0, address, size, flags, 0);
	offer(queue, 0);
}

static inline u16 used_idx(u32 queue)
{
	return (u16)get(USED(queue) + 2, 2);
}

/* What was given back last: its head, and how many bytes are in it. */
static inline u32 last_head(u32 queue)
{
	return (u32)get(USED(queue) + 4 + (u16)(used_idx(queue) - 1) % queue_num * 8, 4);
}

static inline u32 last_size(u32 queue)
{
	return (u32)get(USED(queue) + 8 + (u16)(used_idx(queue) - 1) % queue_num * 8, 4);
}

static inline void used_event(u32 queue, u16 number)
{
	put(AVAIL(queue) + 4 + queue_num * 2, number, 2);
}

static inline u16 avail_event(u32 queue)
{
	return (u16)get(USED(queue) + 4 + queue_num * 8, 2);
}

/* ---- Registers ------------------------------------------------------------------------------ */

static inline u32 reg(struct virtio *v, u32 offset)
{
	u64 value = 0x1122334455667788;

	virtio_access(v, offset, 4, false, &value);
	return value > UINT32_MAX ? 0xbadbad : (u32)value;
}

static inline void set(struct virtio *v, u32 offset, u64 value)
{
	virtio_access(v, offset, 4, true, &value);
}

static inline void set_address(struct virtio *v, u32 offset, u64 address)
{
	set(v, offset, (u32)address);
	set(v, offset + 4, address >> 32);
}

/* The steps of 3.1.1, up to where queues are to be set up. */
static inline void negotiate(struct virtio *v, u64 features)
{
	features |= VIRTIO_F_VERSION_1;
	set(v, VIRTIO_STATUS, 0);
	set(v, VIRTIO_STATUS, VIRTIO_S_ACKNOWLEDGE);
	set(v, VIRTIO_STATUS, VIRTIO_S_ACKNOWLEDGE | VIRTIO_S_DRIVER);
	for (u32 half = 0; half < 2; half++) {
		set(v, VIRTIO_DRIVER_FEATURES_SEL, half);
		set(v, VIRTIO_DRIVER_FEATURES, (u32)(features >> 32 * half));
	}
	set(v, VIRTIO_STATUS, reg(v, VIRTIO_STATUS) | VIRTIO_S_FEATURES_OK);
}

static inline void set_queue(struct virtio *v, u32 queue, u32 num)
{
	set(v, VIRTIO_QUEUE_SEL, queue);
	set(v, VIRTIO_QUEUE_NUM, num);
	set_address(v, VIRTIO_QUEUE_DESC, DESC(queue));
	set_address(v, VIRTIO_QUEUE_DRIVER, AVAIL(queue));
	set_address(v, VIRTIO_QUEUE_DEVICE, USED(queue));
}

static inline void go(struct virtio *v)
{
	set(v, VIRTIO_STATUS, reg(v, VIRTIO_STATUS) | VIRTIO_S_DRIVER_OK);
}

/* All of 3.1.1, with empty memory and queues of `num`. */
static inline void bring_up(struct virtio *v, u64 features, u32 num)
{
	guest_start(num);
	negotiate(v, features);
	for (u32 queue = 0; queue < v->kind->queues; queue++) {
		set_queue(v, queue, num);
		set(v, VIRTIO_QUEUE_READY, 1);
	}
	go(v);
}

static inline void notify_queue(struct virtio *v, u32 queue)
{
	set(v, VIRTIO_QUEUE_NOTIFY, queue);
}

static inline bool is_broken(struct virtio *v)
{
	return reg(v, VIRTIO_STATUS) & VIRTIO_S_NEEDS_RESET &&
	       reg(v, VIRTIO_INTERRUPT_STATUS) & VIRTIO_I_CONFIG && virtio_irq(v);
}

#endif
