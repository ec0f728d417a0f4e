/**
 * @file virtq.h
 * The split virtqueue, as a device sees it (virtio 1.2, 2.7). Pure.
 *
 * Three parts in guest memory. The driver fills buffers into descriptors, chains them, and puts the
 * number of each chain's first one into the available ring. The device takes them out there, and
 * puts them into the used ring when it is done:
 *
 *                 descriptors               available ring, by the driver
 *      0 [ addr | len | flags | next ]      [ flags | idx | ring[0] ring[1] ...  | used_event  ]
 *      1 [ addr | len | flags | next ]
 *      2 [ addr | len | flags | next ]      used ring, by the device
 *        ...                                [ flags | idx | {id, len} ...        | avail_event ]
 *
 * Both `idx` count on and on, and wrap at 65536; idx % size is the ring's next place. Whoever
 * writes idx gives away all up to it.
 *
 * All of it is the driver's to write, at any time, so nothing in it can be trusted, and every value
 * is read once. What no driver may do makes an error, after which the device wants a reset.
 */
#ifndef DEV_VIRTQ_H
#define DEV_VIRTQ_H

#include "lib/types.h"

#define VIRTQ_MAX 256		/* descriptors in a queue */

#define VIRTQ_DESC_SIZE		16	/* bytes */
#define VIRTQ_DESC_F_NEXT	0x1	/* `next` is the number of another one */
#define VIRTQ_DESC_F_WRITE	0x2	/* for the device to write to, else to read */
#define VIRTQ_DESC_F_INDIRECT	0x4	/* not a buffer, but a table of descriptors */
#define VIRTQ_AVAIL_F_NO_INTERRUPT 0x1

/** Guest memory. All of a copy is done, or nothing. @return 0; else an error */
struct virt_memory {
	int (*read)(void *ctx, u64 gpa, void *buf, u64 size);
	int (*write)(void *ctx, u64 gpa, const void *buf, u64 size);
	void *ctx;
};

/** One queue. All zero is as after a reset. */
struct virtq {
	u32 num;			/**< descriptors: a power of two, at most VIRTQ_MAX */
	bool ready;			/**< the driver has set it up */
	bool indirect, event_idx;	/**< what driver and device have agreed on */
	u64 desc, avail, used;		/**< guest physical addresses of the three parts */
	u16 next_avail;			/**< what we take next; counts on like avail.idx */
	u16 seen_avail;			/**< avail.idx when we last looked */
	u16 next_used;			/**< what we give back next: used.idx */
	u16 told_used;			/**< next_used when the driver last was, or was not, told */
};

/** A piece of guest memory. */
struct virtq_buffer {
	u64 gpa;
	u32 size;		/**< bytes, at least 1 */
};

/** A chain of descriptors: first what the device reads, then what it writes to. */
struct virtq_chain {
	u16 head;		/**< its name in both rings */
	u32 readable, writable;	/**< buffers, VIRTQ_MAX together */
	u64 readable_size, writable_size;	/**< bytes */
	struct virtq_buffer buffer[VIRTQ_MAX];
};

/** Could the queue be used? Sizes, alignment, and that no part wraps; not what is there. */
bool virtq_is_sane(const struct virtq *q);

/**
 * Take the next chain.
 * @return 1; 0: there is none, or the queue is not ready; -EINVAL: the driver has broken a rule;
 *         what memory.read() said
 */
int virtq_pop(struct virtq *q, const struct virt_memory *m, struct virtq_chain *c);

/**
 * Give a chain back. A queue that is not ready, since it was reset meanwhile, does not take it.
 * @param written  bytes, from the start of the writable buffers
 * @return what memory.write() said
 */
int virtq_push(struct virtq *q, const struct virt_memory *m, u16 head, u32 written);

/**
 * Chains have been given back: does the driver want an interrupt? Not if the queue is not ready.
 * @return 1 or 0; what memory.read() said
 */
int virtq_wants_interrupt(struct virtq *q, const struct virt_memory *m);

/**
 * All is done: have the driver notify us of the next chain.
 * @return 1: there is one already, and no notification may come for it; 0; an error as above
 */
int virtq_listen(struct virtq *q, const struct virt_memory *m);

/**
 * Copy from the readable buffers of a chain, `offset` bytes behind their start.
 * @return -EINVAL: there are not so many bytes; what memory.read() said
 */
int virtq_read(const struct virt_memory *m, const struct virtq_chain *c, u64 offset, void *buf,
	       u64 size);
/** Copy to the writable ones, likewise. */
int virtq_write(const struct virt_memory *m, const struct virtq_chain *c, u64 offset,
		const void *buf, u64 size);

#endif
