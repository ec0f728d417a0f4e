/**
 * @file virtio.h
 * A virtio device's common half, and its registers in memory (virtio 1.2, 2 and 4.2: virtio-mmio,
 * version 2). What kind of device it is, a struct virtio_kind tells. Pure.
 *
 * The driver brings a device up step by step: ACKNOWLEDGE, DRIVER, then it chooses among the
 * features and says FEATURES_OK, which we may refuse; sets up queues; and says DRIVER_OK. From then
 * on the queues are live. A 0 in the status resets all, at any time.
 */
#ifndef DEV_VIRTIO_H
#define DEV_VIRTIO_H

#include "dev/virtq.h"

#define VIRTIO_SIZE		0x200	/* bytes of registers, of which 256 are the kind's own */
#define VIRTIO_MAX_QUEUES	2

/* Registers (4.2.2) */
#define VIRTIO_MAGIC		0x000	/* "virt" */
#define VIRTIO_VERSION		0x004
#define VIRTIO_DEVICE_ID	0x008
#define VIRTIO_VENDOR_ID	0x00c
#define VIRTIO_DEVICE_FEATURES	0x010
#define VIRTIO_DEVICE_FEATURES_SEL 0x014
#define VIRTIO_DRIVER_FEATURES	0x020
#define VIRTIO_DRIVER_FEATURES_SEL 0x024
#define VIRTIO_QUEUE_SEL	0x030
#define VIRTIO_QUEUE_NUM_MAX	0x034
#define VIRTIO_QUEUE_NUM	0x038
#define VIRTIO_QUEUE_READY	0x044
#define VIRTIO_QUEUE_NOTIFY	0x050
#define VIRTIO_INTERRUPT_STATUS	0x060
#define VIRTIO_INTERRUPT_ACK	0x064
#define VIRTIO_STATUS		0x070
#define VIRTIO_QUEUE_DESC	0x080	/* low half; the high one is 4 bytes behind it */
#define VIRTIO_QUEUE_DRIVER	0x090
#define VIRTIO_QUEUE_DEVICE	0x0a0
#define VIRTIO_SHM_LEN		0x0b0
#define VIRTIO_SHM_BASE		0x0b8
#define VIRTIO_CONFIG_GENERATION 0x0fc
#define VIRTIO_CONFIG		0x100

/* Status (2.1) */
#define VIRTIO_S_ACKNOWLEDGE	0x01
#define VIRTIO_S_DRIVER		0x02
#define VIRTIO_S_DRIVER_OK	0x04
#define VIRTIO_S_FEATURES_OK	0x08
#define VIRTIO_S_NEEDS_RESET	0x40
#define VIRTIO_S_FAILED		0x80

/* Features of all kinds (6) */
#define VIRTIO_F_INDIRECT_DESC	BIT(28)
#define VIRTIO_F_EVENT_IDX	BIT(29)
#define VIRTIO_F_VERSION_1	BIT(32)

/* Interrupt status */
#define VIRTIO_I_QUEUE		0x1	/* a queue has something for the driver */
#define VIRTIO_I_CONFIG		0x2	/* the configuration has changed, or a reset is needed */

/** What makes a device a console, a disk, ... The functions get virtio.dev. */
struct virtio_kind {
	u32 id;				/**< 5: which kind (5) */
	u32 queues;			/**< at most VIRTIO_MAX_QUEUES */
	u64 features;			/**< its own, besides those of all kinds */
	u32 config_size;		/**< bytes; what is behind them reads as 0 */
	/** Bytes 0 to `config_size` - 1 of its configuration. */
	void (*config)(void *dev, u8 *bytes);
	/** The driver writes a part of the configuration. NULL: it can't */
	void (*config_write)(void *dev, u32 offset, u32 size, u32 value);
	/** There may be chains in a queue that is live. @return 0; else the driver broke a rule */
	int (*notify)(void *dev, u32 queue);
	/** Forget what is under way. May be NULL */
	void (*reset)(void *dev);
};

/** A device. Set the first three; all else zero is as after a reset. */
struct virtio {
	const struct virtio_kind *kind;
	void *dev;
	struct virt_memory memory;
	struct virtq queue[VIRTIO_MAX_QUEUES];
	u64 driver_features;
	u32 device_features_sel, driver_features_sel, queue_sel;
	u32 status;
	u32 interrupt;			/**< VIRTIO_I_* */
	u32 generation;			/**< of the configuration */
	bool fell;			/**< see virtio_irq_fell() */
};

/** bus_mmio_handler for its registers. */
void virtio_access(void *v, u64 offset, u32 size, bool write, u64 *value);

/** Are its queues live? */
static inline bool virtio_is_live(const struct virtio *v)
{
	return (v->status & (VIRTIO_S_DRIVER_OK | VIRTIO_S_NEEDS_RESET)) == VIRTIO_S_DRIVER_OK;
}

/** Have driver and device agreed on all of these features? */
static inline bool virtio_has(const struct virtio *v, u64 features)
{
	return (v->driver_features & features) == features;
}

/** Chains have been given back in a queue: interrupt if the driver wants it. @return 0; an error */
int virtio_tell(struct virtio *v, u32 queue);

/**
 * Serve a queue until it is empty: take each chain into `c`, have `serve` do it, give it back; then
 * have the driver notify us of the next one, and interrupt if it wants that.
 * @param serve  gets `v->dev`; sets how many bytes it has written, which are 0 before
 * @return 0; what `serve` said, with the chain not given back; another error
 */
int virtio_serve(struct virtio *v, u32 queue, struct virtq_chain *c,
		 int (*serve)(void *dev, u32 *written));

/** Something has come for the driver: see to a queue, without a notification. */
void virtio_wake(struct virtio *v, u32 queue);

/** The driver broke a rule: it must reset the device before anything goes on (2.1.2). */
void virtio_broken(struct virtio *v);

/** The configuration has changed. */
void virtio_config_changed(struct virtio *v);

/** The level of its interrupt line. */
static inline bool virtio_irq(const struct virtio *v)
{
	return v->interrupt;
}

/** Has it been low for an instant since the last call? As vuart_irq_fell(). */
static inline bool virtio_irq_fell(struct virtio *v)
{
	bool fell = v->fell;

	v->fell = false;
	return fell;
}

#endif
