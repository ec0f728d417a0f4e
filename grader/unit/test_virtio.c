/* dev/virtio.c: the registers, from a reset to DRIVER_OK and back. */
#include "dev/virtio.h"
#include "unit.h"
#include "virtio_guest.h"

#define ACKNOWLEDGE	VIRTIO_S_ACKNOWLEDGE
#define DRIVER		VIRTIO_S_DRIVER
#define FEATURES_OK	VIRTIO_S_FEATURES_OK
#define DRIVER_OK	VIRTIO_S_DRIVER_OK
#define FAILED		VIRTIO_S_FAILED
#define NEEDS_RESET	VIRTIO_S_NEEDS_RESET
#define UP		(ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK)

#define OWN	(BIT(3) | BIT(40))	/* features */
#define COMMON	(VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX)

/* A device that does nothing but remember. */
static u32 notified[VIRTIO_MAX_QUEUES], resets;
static u32 written_offset, written_size, written_value, writes;
static int answer;			/* to a notification */

static void config(void *dev, u8 *bytes)
{
	for (u8 i = 0; i < 13; i++)
		bytes[i] = 0xa0 + i;
}

static void config_write(void *dev, u32 offset, u32 size, u32 value)
{
	written_offset = offset;
	written_size = size;
	written_value = value;
	writes++;
}

static int notify(void *dev, u32 queue)
{
	notified[queue]++;
	return answer;
}

static void forget(void *dev)
{
	resets++;
}

static const struct virtio_kind kind = {
	.id = 77, .queues = 2, .features = OWN, .config_size = 13, .config = config,
	.config_write = config_write, .notify = notify, .reset = forget,
};
static struct virtio v;

static void start(void)
{
	v = (struct virtio){ .kind = &kind, .dev = &v, .memory = memory };
	guest_start(8);
	memset(notified, 0, sizeof(notified));
	resets = answer = 0;
}

static u32 status(u32 value)
{
	set(&v, VIRTIO_STATUS, value);
	return reg(&v, VIRTIO_STATUS);
}

/* ---- Registers ------------------------------------------------------------------------------ */

static void constants(void)
{
	start();
	for (u32 up = 0; up < 2; up++) {
		CHECK(reg(&v, VIRTIO_MAGIC) == 0x74726976 && reg(&v, VIRTIO_VERSION) == 2);
		CHECK(reg(&v, VIRTIO_DEVICE_ID) == 77 && reg(&v, VIRTIO_VENDOR_ID));
		CHECK(reg(&v, VIRTIO_SHM_LEN) == 0xffffffff);
		CHECK(reg(&v, VIRTIO_SHM_LEN + 4) == 0xffffffff);
		for (u32 offset = 0; offset < VIRTIO_DEVICE_FEATURES; offset += 4)
			set(&v, offset, 0x5a5a5a5a);	/* read-only */
		bring_up(&v, 0, 8);
	}
	for (u32 offset = 0; offset < VIRTIO_CONFIG; offset += 4) {	/* there is nothing */
		if ((offset > 0x14 && offset < 0x20) || (offset > 0x44 && offset < 0x50) ||
		    (offset > 0xc0 && offset < 0xfc))
			CHECK(reg(&v, offset) == 0);
	}
}

static void wrong_sizes(void)
{
	start();
	bring_up(&v, 0, 8);
	for (u32 offset = 0; offset < VIRTIO_CONFIG; offset++) {
		for (u32 size = 1; size <= 8; size *= 2) {
			struct virtio before = v;
			u64 value = UINT64_MAX;

			if (size == 4 && offset % 4 == 0)
				continue;
			virtio_access(&v, offset, size, false, &value);
			CHECK(value == 0);
			value = 0;
			virtio_access(&v, offset, size, true, &value);
			value = UINT64_MAX;
			virtio_access(&v, offset, size, true, &value);
			CHECK(!memcmp(&v, &before, sizeof(v)) && !notified[0] && !notified[1]);
		}
	}
}

static u64 offered(void)
{
	u64 features = 0;

	for (u32 half = 0; half < 2; half++) {
		set(&v, VIRTIO_DEVICE_FEATURES_SEL, half);
		features |= (u64)reg(&v, VIRTIO_DEVICE_FEATURES) << 32 * half;
	}
	return features;
}

static void features(void)
{
	start();
	CHECK(offered() == (OWN | COMMON));
	for (u32 half = 2; half; half <<= 1) {
		set(&v, VIRTIO_DEVICE_FEATURES_SEL, half);
		CHECK(reg(&v, VIRTIO_DEVICE_FEATURES) == 0);
		set(&v, VIRTIO_DRIVER_FEATURES_SEL, half);
		set(&v, VIRTIO_DRIVER_FEATURES, 0xffffffff);
		CHECK(v.driver_features == 0);
	}
	status(ACKNOWLEDGE | DRIVER);
	set(&v, VIRTIO_DRIVER_FEATURES_SEL, 1);
	set(&v, VIRTIO_DRIVER_FEATURES, 0x101);
	set(&v, VIRTIO_DRIVER_FEATURES_SEL, 0);
	set(&v, VIRTIO_DRIVER_FEATURES, 0xffffffff);
	set(&v, VIRTIO_DRIVER_FEATURES, 0x8);	/* takes the place of the other */
	CHECK(v.driver_features == (OWN | VIRTIO_F_VERSION_1));
	CHECK(virtio_has(&v, OWN) && virtio_has(&v, BIT(3)) && virtio_has(&v, 0));
	CHECK(!virtio_has(&v, OWN | VIRTIO_F_EVENT_IDX));
	CHECK(reg(&v, VIRTIO_DRIVER_FEATURES) == 0);	/* write-only */
	CHECK(status(UP & ~DRIVER_OK) == (UP & ~DRIVER_OK));
	set(&v, VIRTIO_DRIVER_FEATURES, 0);		/* too late */
	CHECK(v.driver_features == (OWN | VIRTIO_F_VERSION_1));
}

/* FEATURES_OK with each bit that is offered, and with each that is not. */
static void refused(void)
{
	for (u32 bit = 0; bit < 64; bit++) {
		bool good = BIT(bit) & (OWN | COMMON);

		start();
		negotiate(&v, BIT(bit));
		CHECK(reg(&v, VIRTIO_STATUS) == (ACKNOWLEDGE | DRIVER | (good ? FEATURES_OK : 0)));
		CHECK(status(UP) == (good ? UP : (ACKNOWLEDGE | DRIVER)));
		set(&v, VIRTIO_DRIVER_FEATURES_SEL, bit / 32);	/* it may try again */
		set(&v, VIRTIO_DRIVER_FEATURES, bit / 32);
		CHECK(status(UP) == UP);
	}
	start();
	status(ACKNOWLEDGE | DRIVER);
	CHECK(status(ACKNOWLEDGE | DRIVER | FEATURES_OK) == (ACKNOWLEDGE | DRIVER));
	set(&v, VIRTIO_DRIVER_FEATURES, OWN & 0xffffffff);	/* without VERSION_1 */
	CHECK(status(ACKNOWLEDGE | DRIVER | FEATURES_OK) == (ACKNOWLEDGE | DRIVER));
}

/* From each status, each value: which bits come on? */
static void status_bits(void)
{
	static const u32 steps[] = { 0, ACKNOWLEDGE, ACKNOWLEDGE | DRIVER, UP & ~DRIVER_OK, UP };
	static const u32 order[] = { ACKNOWLEDGE, DRIVER, FEATURES_OK, DRIVER_OK };

	for (u32 have = 0; have < 5; have++) {
		for (u32 value = 1; value < 0x200; value++) {
			u32 want = steps[have] | (value & FAILED);

			for (u32 i = have; i < 4 && value & order[i]; i++)
				want |= order[i];
			start();
			v.driver_features = VIRTIO_F_VERSION_1;
			CHECK(!steps[have] || status(steps[have]) == steps[have]);
			CHECK(status(value) == want);
			CHECK(virtio_is_live(&v) == !!(want & DRIVER_OK));
			CHECK(status(FAILED) == (want | FAILED));	/* clears nothing */
			CHECK(!v.interrupt && !resets);
			CHECK(status(0) == 0 && resets == 1);
		}
	}
}

/* ---- Reset ---------------------------------------------------------------------------------- */

static void check_reset(void)
{
	struct virtio fresh = { .kind = &kind, .dev = &v, .memory = memory };

	set(&v, VIRTIO_STATUS, 0);
	fresh.generation = v.generation;
	fresh.fell = v.fell;
	CHECK(!memcmp(&v, &fresh, sizeof(v)));
	CHECK(!virtio_is_live(&v) && !virtio_irq(&v) && reg(&v, VIRTIO_STATUS) == 0);
}

/* In the midst of each step of the setup. */
static void resets_anywhere(void)
{
	for (u32 steps = 0; steps < 14; steps++) {
		start();
		set(&v, VIRTIO_DEVICE_FEATURES_SEL, 1);
		status(ACKNOWLEDGE | DRIVER);
		v.driver_features = VIRTIO_F_VERSION_1 | OWN;
		set(&v, VIRTIO_DRIVER_FEATURES_SEL, 1);
		status(UP & ~DRIVER_OK);
		for (u32 i = 0; i < steps && i < 10; i++) {
			if (i == 0)
				set(&v, VIRTIO_QUEUE_SEL, 1);
			else if (i == 1)
				set(&v, VIRTIO_QUEUE_NUM, 8);
			else
				set(&v, VIRTIO_QUEUE_DESC + (i - 2) / 2 * 16 + (i & 1) * 4, 4096);
		}
		if (steps > 10)
			set(&v, VIRTIO_QUEUE_READY, 1);
		if (steps > 11)
			status(UP);
		if (steps > 12)
			virtio_config_changed(&v);
		CHECK(virtio_irq(&v) == (steps > 12));
		check_reset();
		CHECK(resets == 1 && virtio_irq_fell(&v) == (steps > 12) && !virtio_irq_fell(&v));
	}
	bring_up(&v, 0, 8);			/* and it comes up again */
	virtio_broken(&v);
	CHECK(is_broken(&v) && !virtio_is_live(&v));
	check_reset();
	bring_up(&v, OWN, 8);
	CHECK(virtio_is_live(&v) && reg(&v, VIRTIO_STATUS) == UP);
	notify_queue(&v, 1);
	CHECK(notified[1] == 1);
}

/* ---- Queues --------------------------------------------------------------------------------- */

static bool ready(void)
{
	return reg(&v, VIRTIO_QUEUE_READY);
}

static bool gets_ready(u32 num, u64 desc, u64 avail, u64 used)
{
	set(&v, VIRTIO_QUEUE_READY, 0);
	set(&v, VIRTIO_QUEUE_NUM, num);
	set_address(&v, VIRTIO_QUEUE_DESC, desc);
	set_address(&v, VIRTIO_QUEUE_DRIVER, avail);
	set_address(&v, VIRTIO_QUEUE_DEVICE, used);
	set(&v, VIRTIO_QUEUE_READY, 1);
	return ready();
}

static void readiness(void)
{
	const u64 high = 0xffffffff00000000;

	start();
	negotiate(&v, 0);
	for (u32 num = 0; num < 600; num++)
		CHECK(gets_ready(num, 0x1000, 0x2000, 0x3000) ==
		      (num && num <= 256 && !(num & (num - 1))));
	CHECK(!gets_ready(0x80000000, 0x1000, 0x2000, 0x3000));
	for (u32 i = 0; i < 16; i++) {
		CHECK(gets_ready(8, 0x1000 + i, 0x2000, 0x3000) == (i % 16 == 0));
		CHECK(gets_ready(8, 0x1000, 0x2000 + i, 0x3000) == (i % 2 == 0));
		CHECK(gets_ready(8, 0x1000, 0x2000, 0x3000 + i) == (i % 4 == 0));
	}
	CHECK(!gets_ready(8, high | 0xfffffff0, 0x2000, 0x3000));
	CHECK(!gets_ready(8, 0x1000, high | 0xfffffff0, 0x3000));
	CHECK(!gets_ready(8, 0x1000, 0x2000, high | 0xfffffff0));
	CHECK(gets_ready(8, high | 0x10, high | 0x20, high | 0x30));
	CHECK(v.queue[0].desc == (high | 0x10) && v.queue[0].avail == (high | 0x20));
	CHECK(v.queue[0].used == (high | 0x30) && v.queue[0].num == 8);
	CHECK(!v.queue[1].ready && !v.queue[1].num && !v.queue[1].desc);

	start();
	status(ACKNOWLEDGE | DRIVER);
	CHECK(!gets_ready(8, 0x1000, 0x2000, 0x3000));		/* before FEATURES_OK */
}

static void selection(void)
{
	start();
	negotiate(&v, 0);
	for (u32 queue = 0; queue < 2; queue++) {
		set(&v, VIRTIO_QUEUE_SEL, queue);
		CHECK(reg(&v, VIRTIO_QUEUE_NUM_MAX) == 256 && !ready());
		set_queue(&v, queue, 4 << queue);
		set(&v, VIRTIO_QUEUE_READY, 0xfffffffe);
		CHECK(!ready());
		set(&v, VIRTIO_QUEUE_READY, 1);
		CHECK(reg(&v, VIRTIO_QUEUE_READY) == 1);
		CHECK(v.queue[queue].num == 4u << queue && v.queue[queue].desc == DESC(queue));
	}
	for (u32 queue = 2; queue; queue <<= 1) {		/* not there */
		struct virtio before = v;

		set_queue(&v, queue, 16);
		set(&v, VIRTIO_QUEUE_READY, 1);
		CHECK(reg(&v, VIRTIO_QUEUE_NUM_MAX) == 0 && !ready());
		set(&v, VIRTIO_QUEUE_READY, 0);
		before.queue_sel = queue;
		CHECK(!memcmp(&v, &before, sizeof(v)));
	}
}

/* What is ready can't be changed; when it is no longer, it begins anew. */
static void reconfiguration(void)
{
	struct virtio before;

	start();
	bring_up(&v, VIRTIO_F_EVENT_IDX, 8);
	set(&v, VIRTIO_QUEUE_SEL, 0);
	v.queue[0].next_avail = v.queue[0].seen_avail = 5;
	v.queue[0].next_used = v.queue[0].told_used = 4;
	before = v;
	set(&v, VIRTIO_QUEUE_NUM, 16);
	for (u32 offset = VIRTIO_QUEUE_DESC; offset < VIRTIO_SHM_LEN; offset += 4)
		set(&v, offset, 0x40);
	set(&v, VIRTIO_QUEUE_READY, 1);
	CHECK(!memcmp(&v, &before, sizeof(v)) && ready());
	CHECK(v.queue[0].event_idx && !v.queue[0].indirect);

	set(&v, VIRTIO_QUEUE_READY, 0);
	CHECK(!ready() && v.queue[1].ready);
	notify_queue(&v, 0);
	CHECK(!notified[0]);
	set(&v, VIRTIO_QUEUE_NUM, 16);
	set(&v, VIRTIO_QUEUE_READY, 1);
	CHECK(ready() && v.queue[0].num == 16 && v.queue[0].desc == DESC(0));
	CHECK(!v.queue[0].next_avail && !v.queue[0].seen_avail);
	CHECK(!v.queue[0].next_used && !v.queue[0].told_used && v.queue[0].event_idx);
}

static void agreed(void)
{
	for (u32 i = 0; i < 4; i++) {
		start();
		bring_up(&v, (i & 1 ? VIRTIO_F_INDIRECT_DESC : 0) |
			     (i & 2 ? VIRTIO_F_EVENT_IDX : 0), 8);
		for (u32 queue = 0; queue < 2; queue++)
			CHECK(v.queue[queue].ready && v.queue[queue].indirect == !!(i & 1) &&
			      v.queue[queue].event_idx == !!(i & 2));
	}
}

static void notifications(void)
{
	start();
	negotiate(&v, 0);
	set_queue(&v, 0, 8);
	set(&v, VIRTIO_QUEUE_READY, 1);
	notify_queue(&v, 0);			/* before DRIVER_OK */
	virtio_wake(&v, 0);
	CHECK(!notified[0]);
	go(&v);
	CHECK(!notified[0]);
	notify_queue(&v, 1);			/* not ready */
	virtio_wake(&v, 1);
	for (u32 queue = 2; queue; queue <<= 1)
		notify_queue(&v, queue);	/* not there */
	notify_queue(&v, 0x10000);
	notify_queue(&v, 0xffffffff);
	CHECK(!notified[0] && !notified[1]);
	notify_queue(&v, 0);
	virtio_wake(&v, 0);
	CHECK(notified[0] == 2 && !notified[1] && reg(&v, VIRTIO_STATUS) == UP);
	for (u32 i = 0; i < 100000; i++)	/* a storm of nothing */
		notify_queue(&v, i & 3);
	CHECK(notified[0] == 25002 && !notified[1] && !virtio_irq(&v));

	answer = -EINVAL;
	notify_queue(&v, 0);
	CHECK(is_broken(&v) && reg(&v, VIRTIO_STATUS) == (UP | NEEDS_RESET));
	notify_queue(&v, 0);
	virtio_wake(&v, 0);
	CHECK(notified[0] == 25003);		/* no more, until it is reset */
	CHECK(status(UP) == (UP | NEEDS_RESET) && status(NEEDS_RESET) == (UP | NEEDS_RESET));
	CHECK(status(0) == 0 && !virtio_irq(&v));
}

/* ---- Interrupts ----------------------------------------------------------------------------- */

static void interrupts(void)
{
	start();
	bring_up(&v, 0, 8);
	CHECK(!virtio_irq(&v) && !virtio_irq_fell(&v));
	CHECK(virtio_tell(&v, 0) == 0 && !virtio_irq(&v));	/* there is nothing */
	CHECK(!virtq_push(&v.queue[0], &memory, 0, 0) && !virtio_tell(&v, 0));
	virtio_config_changed(&v);
	CHECK(reg(&v, VIRTIO_INTERRUPT_STATUS) == 3 && virtio_irq(&v));
	set(&v, VIRTIO_INTERRUPT_STATUS, 0);			/* read-only */
	set(&v, VIRTIO_INTERRUPT_ACK, 0);
	set(&v, VIRTIO_INTERRUPT_ACK, 0xfffffffc);
	CHECK(reg(&v, VIRTIO_INTERRUPT_STATUS) == 3 && !virtio_irq_fell(&v));
	set(&v, VIRTIO_INTERRUPT_ACK, 1);
	CHECK(reg(&v, VIRTIO_INTERRUPT_STATUS) == 2 && virtio_irq(&v) && !virtio_irq_fell(&v));
	set(&v, VIRTIO_INTERRUPT_ACK, 1);
	CHECK(virtio_irq(&v));
	set(&v, VIRTIO_INTERRUPT_ACK, 3);
	CHECK(!virtio_irq(&v) && virtio_irq_fell(&v) && !virtio_irq_fell(&v));
	set(&v, VIRTIO_INTERRUPT_ACK, 3);			/* it was low all the time */
	CHECK(!virtio_irq_fell(&v) && reg(&v, VIRTIO_INTERRUPT_ACK) == 0);

	put(AVAIL(1), VIRTQ_AVAIL_F_NO_INTERRUPT, 2);
	CHECK(!virtq_push(&v.queue[1], &memory, 0, 0) && !virtio_tell(&v, 1) && !virtio_irq(&v));
	put(AVAIL(1), 0, 2);
	CHECK(!virtq_push(&v.queue[1], &memory, 0, 0) && !virtio_tell(&v, 1) && virtio_irq(&v));
	set(&v, VIRTIO_INTERRUPT_ACK, 1);
	CHECK(virtio_irq_fell(&v));
	CHECK(!virtq_push(&v.queue[1], &memory, 0, 0) && !virtio_tell(&v, 1));
	CHECK(virtio_irq(&v));
	v.queue[0].avail = 0;
	CHECK(virtio_tell(&v, 0) == -EFAULT);
}

static void trouble(void)
{
	start();
	negotiate(&v, 0);			/* before DRIVER_OK: no interrupt (2.1.2) */
	virtio_broken(&v);
	CHECK(reg(&v, VIRTIO_STATUS) & NEEDS_RESET && !virtio_irq(&v));
	bring_up(&v, 0, 8);
	CHECK(reg(&v, VIRTIO_STATUS) == UP);
	virtio_broken(&v);
	CHECK(is_broken(&v) && reg(&v, VIRTIO_INTERRUPT_STATUS) == VIRTIO_I_CONFIG);
	set(&v, VIRTIO_INTERRUPT_ACK, VIRTIO_I_CONFIG);
	CHECK(!virtio_irq(&v) && reg(&v, VIRTIO_STATUS) == (UP | NEEDS_RESET));
}

/* ---- Configuration -------------------------------------------------------------------------- */

static void configuration(void)
{
	start();
	for (u32 offset = 0; offset < 256; offset++) {
		for (u32 size = 1; size <= 8 && offset + size <= 256; size *= 2) {
			u64 want = 0, value = UINT64_MAX;

			for (u32 i = 0; i < size && offset + i < 13; i++)
				want |= (u64)(0xa0 + offset + i) << 8 * i;
			virtio_access(&v, VIRTIO_CONFIG + offset, size, false, &value);
			CHECK(value == want);

			value = 0x11223344;
			writes = 0;
			virtio_access(&v, VIRTIO_CONFIG + offset, size, true, &value);
			CHECK(writes == (offset + size <= 13));
			CHECK(!writes || (written_offset == offset && written_size == size &&
					  written_value == 0x11223344));
		}
	}
}

static void generation(void)
{
	u32 first;

	start();
	first = reg(&v, VIRTIO_CONFIG_GENERATION);
	CHECK(reg(&v, VIRTIO_CONFIG_GENERATION) == first);
	virtio_config_changed(&v);		/* nobody listens yet */
	CHECK(reg(&v, VIRTIO_CONFIG_GENERATION) == first + 1 && !virtio_irq(&v));
	bring_up(&v, 0, 8);
	virtio_config_changed(&v);
	CHECK(reg(&v, VIRTIO_CONFIG_GENERATION) == first + 2);
	CHECK(reg(&v, VIRTIO_INTERRUPT_STATUS) == VIRTIO_I_CONFIG);
	set(&v, VIRTIO_CONFIG_GENERATION, 0);
	CHECK(reg(&v, VIRTIO_CONFIG_GENERATION) == first + 2);
}

int main(void)
{
	constants();
	wrong_sizes();
	features();
	refused();
	status_bits();
	resets_anywhere();
	readiness();
	selection();
	reconfiguration();
	agreed();
	notifications();
	interrupts();
	trouble();
	configuration();
	generation();
	return UNIT_END();
}
