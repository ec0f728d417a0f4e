/*
 * A small driver of virtio devices (virtio 1.2; registers: 4.2.2; queues: 2.7), for guests whose
 * virtual addresses are physical. It polls, unless the guest asks for interrupts.
 */
#ifndef GUEST_VIRTIO_H
#define GUEST_VIRTIO_H

#include "guest.h"

/* Where a VM has its devices, and on which lines of the interrupt controllers: hv/vmm/virtio.c */
#define VIRTIO_SLOT(n)	(0xfede0000ul + (n) * 4096ul)
enum { SLOT_CONSOLE, SLOT_ENTROPY, SLOT_DISK, SLOT_DISK_2, SLOT_NET };

enum {
	V_MAGIC = 0x000, V_VERSION = 0x004, V_DEVICE_ID = 0x008, V_DEVICE_FEATURES = 0x010,
	V_DEVICE_FEATURES_SEL = 0x014, V_DRIVER_FEATURES = 0x020, V_DRIVER_FEATURES_SEL = 0x024,
	V_QUEUE_SEL = 0x030, V_QUEUE_NUM_MAX = 0x034, V_QUEUE_NUM = 0x038, V_QUEUE_READY = 0x044,
	V_QUEUE_NOTIFY = 0x050, V_INTERRUPT_STATUS = 0x060, V_INTERRUPT_ACK = 0x064,
	V_STATUS = 0x070, V_QUEUE_DESC = 0x080, V_QUEUE_DRIVER = 0x090, V_QUEUE_DEVICE = 0x0a0,
	V_CONFIG_GENERATION = 0x0fc, V_CONFIG = 0x100,
};

enum { S_ACKNOWLEDGE = 1, S_DRIVER = 2, S_DRIVER_OK = 4, S_FEATURES_OK = 8, S_NEEDS_RESET = 64 };

#define F_INDIRECT_DESC	(1ull << 28)
#define F_EVENT_IDX	(1ull << 29)
#define F_VERSION_1	(1ull << 32)

#define D_NEXT		1
#define D_WRITE		2
#define D_INDIRECT	4

#ifndef QUEUE_SIZE
#define QUEUE_SIZE	64
#endif

struct desc {
	u64 addr;
	u32 len;
	u16 flags, next;
};

struct queue {
	struct desc desc[QUEUE_SIZE] __attribute__((aligned(16)));
	volatile struct {
		u16 flags, idx, ring[QUEUE_SIZE], used_event;
	} avail;
	volatile struct {
		u16 flags, idx;
		struct {
			u32 id, len;
		} ring[QUEUE_SIZE];
		u16 avail_event;
	} used __attribute__((aligned(4)));
	u64 device;		/* where its registers are */
	u32 number;
	u16 seen;		/* used.idx, up to which we have taken */
	u16 told;		/* avail.idx, up to which the device was told */
	u16 next;		/* descriptor to use next */
	u32 event_idx;
};

static inline u32 virtio_get(u64 device, u32 reg)
{
	return *(volatile u32 *)(device + reg);
}

static inline void virtio_set(u64 device, u32 reg, u32 value)
{
	*(volatile u32 *)(device + reg) = value;
}

/* Negotiate: those of `wanted` that are offered. @return them; 0: the device refused */
static inline u64 virtio_begin(u64 device, u64 wanted)
{
	u64 features;

	virtio_set(device, V_STATUS, 0);
	virtio_set(device, V_STATUS, S_ACKNOWLEDGE);
	virtio_set(device, V_STATUS, S_ACKNOWLEDGE | S_DRIVER);
	virtio_set(device, V_DEVICE_FEATURES_SEL, 1);
	features = (u64)virtio_get(device, V_DEVICE_FEATURES) << 32;
	virtio_set(device, V_DEVICE_FEATURES_SEL, 0);
	features = (features | virtio_get(device, V_DEVICE_FEATURES)) & wanted;
	virtio_set(device, V_DRIVER_FEATURES_SEL, 0);
	virtio_set(device, V_DRIVER_FEATURES, (u32)features);
	virtio_set(device, V_DRIVER_FEATURES_SEL, 1);
	virtio_set(device, V_DRIVER_FEATURES, (u32)(features >> 32));
	virtio_set(device, V_STATUS, S_ACKNOWLEDGE | S_DRIVER | S_FEATURES_OK);
	return virtio_get(device, V_STATUS) & S_FEATURES_OK ? features : 0;
}

static inline void virtio_set_address(u64 device, u32 reg, const volatile void *p)
{
	virtio_set(device, reg, (u32)(u64)p);
	virtio_set(device, reg + 4, (u32)((u64)p >> 32));
}

static inline void virtio_queue(struct queue *q, u64 device, u32 number, u64 features)
{
	q->device = device;
	q->number = number;
	q->event_idx = (features & F_EVENT_IDX) != 0;
	virtio_set(device, V_QUEUE_SEL, number);
	virtio_set(device, V_QUEUE_NUM, QUEUE_SIZE);
	virtio_set_address(device, V_QUEUE_DESC, q->desc);
	virtio_set_address(device, V_QUEUE_DRIVER, &q->avail);
	virtio_set_address(device, V_QUEUE_DEVICE, &q->used);
	virtio_set(device, V_QUEUE_READY, 1);
}

static inline void virtio_go(u64 device)
{
	virtio_set(device, V_STATUS, S_ACKNOWLEDGE | S_DRIVER | S_FEATURES_OK | S_DRIVER_OK);
}

/* Fill the next descriptor. D_NEXT: the one that is filled after it is the next of its chain. */
static inline u16 queue_fill(struct queue *q, const volatile void *p, u32 size, u16 flags)
{
	u16 n = q->next;

	q->next = (u16)((n + 1) % QUEUE_SIZE);
	q->desc[n] = (struct desc){ (u64)p, size, flags, q->next };
	return n;
}

/* A chain is ready: give it away. */
static inline void queue_put(struct queue *q, u16 head)
{
	q->avail.ring[q->avail.idx % QUEUE_SIZE] = head;
	__atomic_thread_fence(__ATOMIC_RELEASE);
	q->avail.idx = (u16)(q->avail.idx + 1);
}

/* Notify the device of what was put there since the last call, if it wants to know. */
static inline void queue_kick(struct queue *q)
{
	u16 now = q->avail.idx, since = (u16)(now - q->told);

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	q->told = now;
	if (q->event_idx ? (u16)(now - 1 - q->used.avail_event) < since : !(q->used.flags & 1))
		virtio_set(q->device, V_QUEUE_NOTIFY, q->number);
}

/* Is there something to take? */
static inline int queue_has(const struct queue *q)
{
	return q->used.idx != q->seen;
}

/* Take the next chain that came back; wait for it. @return how many bytes were written to it */
static inline u32 queue_take(struct queue *q, u16 *head)
{
	u16 place = q->seen % QUEUE_SIZE;

	while (!queue_has(q))
		;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	q->seen++;
	*head = (u16)q->used.ring[place].id;
	return q->used.ring[place].len;
}

#endif
