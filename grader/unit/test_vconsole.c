/* dev/vconsole.c: what is sent, what is typed. */
#include "dev/vconsole.h"
#include "random.h"
#include "unit.h"
#include "virtio_guest.h"

#define RECEIVE		0
#define TRANSMIT	1

static char sent[0x8000];
static u32 sent_size, calls;

static void send(void *ctx, const char *text, u64 size)
{
	CHECK(ctx == sent && size && size <= sizeof(sent) - sent_size);
	memcpy(sent + sent_size, text, size);
	sent_size += (u32)size;
	calls++;
}

static struct vconsole c;
static struct virtio *const v = &c.virtio;

static void start(u64 features)
{
	c = (struct vconsole){ .send = send, .ctx = sent };
	vconsole_init(&c, &memory);
	bring_up(v, features, 8);
	sent_size = calls = 0;
}

static bool type(const char *text)
{
	for (; *text; text++)
		if (!vconsole_receive(&c, (u8)*text))
			return false;
	virtio_wake(v, RECEIVE);
	return true;
}

static void configuration(void)
{
	u64 value = 'x';

	start(0);
	CHECK(reg(v, VIRTIO_DEVICE_ID) == 3 && v->kind->queues == 2);
	CHECK(reg(v, VIRTIO_DEVICE_FEATURES) ==
	      (VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | BIT(0) | BIT(2)));
	CHECK(reg(v, VIRTIO_CONFIG) == (25 << 16 | 80) && reg(v, VIRTIO_CONFIG + 4) == 1);
	set(v, VIRTIO_STATUS, 0);		/* characters of a kernel in trouble: at any time */
	virtio_access(v, VIRTIO_CONFIG + 8, 4, true, &value);
	value = 0xffffff00 | 'y';
	virtio_access(v, VIRTIO_CONFIG + 8, 4, true, &value);
	virtio_access(v, VIRTIO_CONFIG + 4, 4, true, &value);	/* this is none */
	virtio_access(v, VIRTIO_CONFIG, 2, true, &value);
	virtio_access(v, VIRTIO_CONFIG + 12, 4, true, &value);
	virtio_access(v, VIRTIO_CONFIG + 8, 8, true, &value);
	CHECK(sent_size == 2 && !memcmp(sent, "xy", 2));
}

/* Of all lengths, cut in up to 8 buffers; each byte is read once, and comes out once. */
static void transmitting(void)
{
	for (u32 size = 1; size < 1500; size += size < 300 ? 1 : 37) {
		u32 count = 1 + below(size < 8 ? size : 8), at = 0;

		start(0);
		for (u32 i = 0; i < size; i++)
			put(DATA + i, (u8)(i * 7 + 1), 1);
		for (u32 i = 0; i < count; i++) {
			u32 most = size - at - (count - 1 - i);
			u32 piece = i == count - 1 ? most : 1 + below(most);

			describe(DESC(1), i, DATA + at, piece, i == count - 1 ? 0 : F_NEXT, i + 1);
			at += piece;
		}
		offer(TRANSMIT, 0);
		notify_queue(v, TRANSMIT);
		CHECK(sent_size == size && !memcmp(sent, guest + (DATA - BASE), size));
		CHECK(most_reads(DATA, size) == 1 && most_reads(DESC(1), 128) == 1);
		CHECK(used_idx(TRANSMIT) == 1 && last_size(TRANSMIT) == 0);
		CHECK(virtio_irq(v) && !used_idx(RECEIVE) && !outside);
	}
	start(0);
	describe(DESC(1), 0, DATA, 1, 0, 0);
	for (u32 i = 0; i < 8; i++)
		offer(TRANSMIT, 0);
	notify_queue(v, TRANSMIT);
	CHECK(sent_size == 8 && used_idx(TRANSMIT) == 8);
	offer_one(TRANSMIT, DATA, 1, F_WRITE);
	notify_queue(v, TRANSMIT);
	CHECK(is_broken(v) && sent_size == 8 && used_idx(TRANSMIT) == 8);

	start(0);				/* readable, and writable behind it */
	describe(DESC(1), 0, DATA, 1, F_NEXT, 1);
	describe(DESC(1), 1, DATA, 1, F_WRITE, 0);
	offer(TRANSMIT, 0);
	notify_queue(v, TRANSMIT);
	CHECK(is_broken(v) && !sent_size);
	start(0);
	offer_one(TRANSMIT, END - 200, 201, 0);	/* up to its end, and beyond */
	notify_queue(v, TRANSMIT);
	CHECK(is_broken(v) && sent_size <= 200 && !used_idx(TRANSMIT));
}

static void receiving(void)
{
	start(0);
	CHECK(vconsole_room(&c) == VCONSOLE_TYPED && type("abc"));	/* nobody wants it yet */
	CHECK(vconsole_room(&c) == VCONSOLE_TYPED - 3 && !virtio_irq(v));
	offer_one(RECEIVE, DATA, 64, F_WRITE);
	notify_queue(v, RECEIVE);
	CHECK(used_idx(RECEIVE) == 1 && last_size(RECEIVE) == 3 && virtio_irq(v));
	CHECK(!memcmp(guest + (DATA - BASE), "abc\0", 4) && vconsole_room(&c) == VCONSOLE_TYPED);
	set(v, VIRTIO_INTERRUPT_ACK, 1);

	offer_one(RECEIVE, DATA, 64, F_WRITE);	/* and now nothing is typed */
	notify_queue(v, RECEIVE);
	virtio_wake(v, RECEIVE);
	CHECK(used_idx(RECEIVE) == 1 && !virtio_irq(v));
	CHECK(type("d") && used_idx(RECEIVE) == 2 && last_size(RECEIVE) == 1 && virtio_irq(v));
	CHECK(get(DATA, 1) == 'd' && !sent_size);
}

/* Text that is longer than the driver's buffers, round the ring. */
static void long_text(void)
{
	char got[4000];
	u32 typed = 0, size = 0;

	start(VIRTIO_F_EVENT_IDX);
	while (size < sizeof(got)) {
		u32 count = below(300), before = used_idx(RECEIVE);

		for (; count && vconsole_room(&c); count--, typed++)
			CHECK(vconsole_receive(&c, (u8)(typed * 11)));
		CHECK(!count || !vconsole_receive(&c, 'x'));	/* lost, and harms nothing */
		describe(DESC(0), 0, DATA, 5, F_NEXT | F_WRITE, 1);
		describe(DESC(0), 1, DATA + 5, 1 + below(90), F_WRITE, 0);
		offer(RECEIVE, 0);
		virtio_wake(v, RECEIVE);
		for (u32 i = before; i != used_idx(RECEIVE); i++)
			for (u32 at = 0; at < last_size(RECEIVE) && size < sizeof(got); at++)
				got[size++] = (char)get(DATA + at, 1);
		CHECK((u16)(used_idx(RECEIVE) - before) <= 1 || !c.count);
		if (avail_idx[0] != used_idx(RECEIVE)) {	/* it waits: take it back */
			put(AVAIL(0) + 2, --avail_idx[0], 2);
			CHECK(!c.count);
		}
	}
	for (u32 i = 0; i < sizeof(got); i++)
		CHECK((u8)got[i] == (u8)(i * 11));
	CHECK(!outside && !is_broken(v));
}

static void trouble(void)
{
	start(0);
	offer_one(RECEIVE, DATA, 4, 0);			/* nothing to write to */
	CHECK(type("abc") && is_broken(v));
	CHECK(vconsole_room(&c) == VCONSOLE_TYPED - 3);	/* nothing is lost */
	bring_up(v, 0, 8);
	offer_one(RECEIVE, END - 2, 4, F_WRITE);
	notify_queue(v, RECEIVE);
	CHECK(is_broken(v) && outside && !used_idx(RECEIVE));
	CHECK(vconsole_room(&c) == VCONSOLE_TYPED - 3);
	bring_up(v, 0, 8);
	offer_one(RECEIVE, DATA, 4, F_WRITE);
	notify_queue(v, RECEIVE);
	CHECK(!memcmp(guest + (DATA - BASE), "abc", 3) && last_size(RECEIVE) == 3);
	for (u32 i = 0; i < VCONSOLE_TYPED; i++)
		CHECK(vconsole_receive(&c, 'z'));
	CHECK(!vconsole_receive(&c, 'z') && !vconsole_room(&c));
}

int main(void)
{
	configuration();
	transmitting();
	receiving();
	long_text();
	trouble();
	return UNIT_END();
}
