/* dev/vnet.c and dev/vswitch.c: frames from one driver to the others. */
#include "dev/vnet.h"
#include "unit.h"
#include "virtio_guest.h"

#define RECEIVE		0
#define TRANSMIT	1

#define PORTS	4

/* ---- The switch, with something simple at its ports ------------------------------------------ */

static struct vswitch s;
static u32 got[PORTS];			/* frames at each port since one was sent */
static u8 last[ETH_MAX];
static u32 last_bytes;

static void receive(void *ctx, const u8 *frame, u32 size)
{
	(*(u32 *)ctx)++;
	last_bytes = size;
	memcpy(last, frame, size);
}

static void plug_all(void)
{
	memset(&s, 0, sizeof(s));
	for (int i = 0; i < PORTS; i++)
		CHECK(vswitch_plug(&s, receive, &got[i]) == i);
}

static void address(u8 *at, u32 number)
{
	const u8 bytes[] = { 0x52, 0x54, 0, 0, (u8)(number >> 8), (u8)number };

	memcpy(at, bytes, sizeof(bytes));
}

/* From one number at `port` to another. @return a bit for each port where it came out */
static u32 hop_of(u32 port, u32 from, const u8 *to, u32 size)
{
	u8 frame[ETH_MAX + 1];
	u32 where = 0;

	for (u32 i = 0; i < sizeof(frame); i++)
		frame[i] = (u8)(i + from);
	memcpy(frame, to, ETH_ADDRESS);
	address(frame + ETH_ADDRESS, from);
	memset(got, 0, sizeof(got));
	vswitch_send(&s, port, frame, size);
	for (u32 i = 0; i < PORTS; i++) {
		CHECK(got[i] <= 1);
		where |= got[i] << i;
	}
	CHECK(!where || (last_bytes == size && !memcmp(last, frame, size)));
	return where;
}

static u32 hop(u32 port, u32 from, u32 to)
{
	u8 bytes[ETH_ADDRESS];

	address(bytes, to);
	return hop_of(port, from, bytes, 60);
}

static void learning(void)
{
	plug_all();
	CHECK(hop(0, 10, 11) == 0xe);		/* unknown: to all others */
	CHECK(hop(1, 11, 10) == 0x1);
	CHECK(hop(0, 10, 11) == 0x2 && hop(2, 12, 11) == 0x2 && hop(1, 11, 12) == 0x4);
	CHECK(hop(0, 10, 10) == 0 && hop(0, 13, 10) == 0);	/* at its own port */
	CHECK(hop(3, 10, 11) == 0x2);		/* 10 has moved */
	CHECK(hop(1, 11, 10) == 0x8 && hop(0, 13, 10) == 0x8);
	CHECK(hop(1, 11, 13) == 0x1 && hop(1, 11, 99) == 0xd);
	vswitch_unplug(&s, 3);
	CHECK(hop(1, 11, 10) == 0x5 && hop(0, 13, 11) == 0x2);
	CHECK(hop(1, 11, 13) == 0x1);		/* of the others nothing is forgotten */
	CHECK(vswitch_plug(&s, receive, &got[3]) == PORTS);
	CHECK(hop(1, 11, 99) == 0xd);
}

static void groups(void)
{
	static const u8 all[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	static const u8 some[] = { 0x33, 0x33, 0, 0, 0, 1 };
	u8 frame[60] = { 0 };

	plug_all();
	for (u32 i = 0; i < 2; i++) {
		CHECK(hop_of(0, 10, all, 60) == 0xe && hop_of(2, 12, some, 60) == 0xb);
		memset(got, 0, sizeof(got));
		memcpy(frame + ETH_ADDRESS, i ? all : some, ETH_ADDRESS);	/* from a group */
		vswitch_send(&s, 1, frame, sizeof(frame));
		CHECK(!got[0] && !got[1] && !got[2] && !got[3]);
	}
	address(frame, 10);
	frame[0] |= 1;				/* 10's, but a group */
	CHECK(hop_of(1, 11, frame, 60) == 0xd);
}

static void sizes(void)
{
	u8 to[ETH_ADDRESS];

	plug_all();
	address(to, 77);
	for (u32 size = 0; size <= ETH_MAX + 1; size++) {
		bool good = size >= ETH_MIN && size <= ETH_MAX;

		CHECK(hop_of(size % 4, 100 + size, to, size) ==
		      (good ? 0xf & ~(1 << size % 4) : 0));
	}
	for (u32 i = 0; i < ETH_MIN; i++)
		CHECK(hop(0, 1, 100 + i) == 0xe);	/* nothing was learned of those */
	CHECK(hop(0, 1, 100 + ETH_MAX + 1) == 0xe);
}

/* More addresses than fit: the oldest is forgotten, not one that moves. */
static void full(void)
{
	plug_all();
	for (u32 i = 0; i < VSWITCH_LEARNED; i++)
		hop(i % 3, 1000 + i, 1);
	for (u32 i = 0; i < VSWITCH_LEARNED; i++)
		CHECK(hop(3, 1000, 1000 + i) == (i ? 1u << i % 3 : 0));	/* which has moved to 3 */
	CHECK(hop(0, 5000, 1001) == 0x2);		/* in the place of 1000 */
	CHECK(hop(0, 5000, 1000) == 0xe && hop(1, 1001, 5000) == 0x1);
	for (u32 i = 1; i < VSWITCH_LEARNED; i++)
		CHECK(hop(0, 5000, 1000 + i) == (i % 3 ? 1u << i % 3 : 0));
	for (u32 i = 0; i < 3 * VSWITCH_LEARNED; i++)
		CHECK(hop(2, 20000 + i, 7) == 0xb && hop(0, 5000, 20000 + i) == 0x4);
}

static void ports(void)
{
	memset(&s, 0, sizeof(s));
	for (int i = 0; i < VSWITCH_PORTS; i++)
		CHECK(vswitch_plug(&s, receive, &got[0]) == i);
	CHECK(vswitch_plug(&s, receive, &got[0]) == -ENOSPC && s.ports == VSWITCH_PORTS);
}

/* ---- The device ----------------------------------------------------------------------------- */

static u8 wire[ETH_MAX];
static u32 wire_bytes, frames;

static void send(void *ctx, const u8 *frame, u32 size)
{
	CHECK(ctx == wire && size <= ETH_MAX);
	memcpy(wire, frame, size);
	wire_bytes = size;
	frames++;
}

static struct vnet n;
static struct virtio *const v = &n.virtio;

static void start(void)
{
	n = (struct vnet){ .send = send, .ctx = wire, .address = { 0x52, 0x54, 0, 1, 2, 3 } };
	vnet_init(&n, &memory);
	bring_up(v, 0, 8);
	frames = wire_bytes = 0;
}

static void configuration(void)
{
	u64 value;

	start();
	CHECK(reg(v, VIRTIO_DEVICE_ID) == 1 && v->kind->queues == 2);
	CHECK(reg(v, VIRTIO_DEVICE_FEATURES) ==
	      (VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | BIT(5) | BIT(16)));
	for (u32 i = 0; i < ETH_ADDRESS; i++) {
		virtio_access(v, VIRTIO_CONFIG + i, 1, false, &value);
		CHECK(value == n.address[i]);
	}
	virtio_access(v, VIRTIO_CONFIG + 6, 2, false, &value);
	CHECK(value == 1);			/* the link is up */
	set(v, VIRTIO_CONFIG, 0);
	CHECK(n.address[0] == 0x52);
}

/* A frame behind its header, in three buffers. */
static void transmit(u32 size, u32 first, u32 second)
{
	u32 all = VNET_HEADER + size;

	start();
	memset(guest + (DATA - BASE), 0xff, VNET_HEADER);	/* nobody looks there */
	for (u32 i = 0; i < size; i++)
		put(DATA + VNET_HEADER + i, (u8)(i * 5 + 1), 1);
	describe(DESC(1), 0, DATA, first, F_NEXT, 3);
	describe(DESC(1), 3, DATA + first, second, F_NEXT, 5);
	describe(DESC(1), 5, DATA + first + second, all - first - second, 0, 0);
	offer(TRANSMIT, 0);
	notify_queue(v, TRANSMIT);
	CHECK(used_idx(TRANSMIT) == 1 && last_head(TRANSMIT) == 0 && !last_size(TRANSMIT));
	CHECK(virtio_irq(v) && !is_broken(v) && !outside && !used_idx(RECEIVE));
	CHECK(frames == (size >= ETH_MIN && size <= ETH_MAX));
	CHECK(!frames || (wire_bytes == size &&
			  !memcmp(wire, guest + (DATA - BASE) + VNET_HEADER, size)));
	CHECK(most_reads(DATA, 0x2000) <= 1);
}

static void transmitting(void)
{
	for (u32 size = 0; size <= ETH_MAX + 2; size++) {
		transmit(size, 1, 2);
		transmit(size, VNET_HEADER - 2, 1);
		if (size > 2)
			transmit(size, VNET_HEADER, 1);
	}
	for (u32 size = 1; size < VNET_HEADER; size++) {
		start();
		offer_one(TRANSMIT, DATA, size, 0);
		notify_queue(v, TRANSMIT);
		CHECK(is_broken(v) && !frames && !used_idx(TRANSMIT));
	}
	start();
	offer_one(TRANSMIT, DATA, 100, F_WRITE);
	notify_queue(v, TRANSMIT);
	CHECK(is_broken(v) && !frames);
	start();
	describe(DESC(1), 0, DATA, 100, F_NEXT, 1);
	describe(DESC(1), 1, DATA, 100, F_WRITE, 0);
	offer(TRANSMIT, 0);
	notify_queue(v, TRANSMIT);
	CHECK(is_broken(v) && !frames);
	start();
	offer_one(TRANSMIT, END - 40, 72, 0);
	notify_queue(v, TRANSMIT);
	CHECK(is_broken(v) && !frames && outside);
}

static u8 frame_in[ETH_MAX];

static void receiving(void)
{
	static const u8 header[VNET_HEADER] = { [10] = 1 };	/* num_buffers */

	for (u32 size = ETH_MIN; size <= ETH_MAX; size += size < 40 ? 1 : 67) {
		for (u32 i = 0; i < size; i++)
			frame_in[i] = (u8)(i * 3 + size);
		start();
		memset(guest + (DATA - BASE), 0xee, 0x1000);
		describe(DESC(0), 0, DATA, 5, F_WRITE | F_NEXT, 1);
		describe(DESC(0), 1, DATA + 5, 9, F_WRITE | F_NEXT, 2);
		describe(DESC(0), 2, DATA + 14, 2000, F_WRITE, 0);
		offer(RECEIVE, 0);
		notify_queue(v, RECEIVE);
		CHECK(!used_idx(RECEIVE) && !virtio_irq(v));
		vnet_receive(&n, frame_in, size);
		CHECK(used_idx(RECEIVE) == 1 && last_size(RECEIVE) == VNET_HEADER + size);
		CHECK(virtio_irq(v) && n.received == 1 && !n.lost);
		CHECK(!memcmp(guest + (DATA - BASE), header, VNET_HEADER));
		CHECK(!memcmp(guest + (DATA - BASE) + VNET_HEADER, frame_in, size));
		CHECK(get(DATA + VNET_HEADER + size, 1) == 0xee && !frames);
	}
}

/* No buffer, no driver: lost. Too small a one, or one to read: the driver broke a rule. */
static void losses(void)
{
	start();
	vnet_receive(&n, frame_in, 60);
	CHECK(n.lost == 1 && !n.received && !virtio_irq(v));
	offer_one(RECEIVE, DATA, 72, F_WRITE);			/* just fits */
	vnet_receive(&n, frame_in, 60);
	vnet_receive(&n, frame_in, 60);
	CHECK(n.lost == 2 && n.received == 1 && used_idx(RECEIVE) == 1);
	set(v, VIRTIO_STATUS, 0);
	vnet_receive(&n, frame_in, 60);
	CHECK(n.lost == 3 && n.received == 1 && !virtio_irq(v) && !reg(v, VIRTIO_STATUS));

	for (u32 i = 0; i < 4; i++) {
		start();
		offer_one(RECEIVE, i == 3 ? END - 71 : DATA, i ? 72 : 71, i == 1 ? 0 : F_WRITE);
		if (i == 2) {
			describe(DESC(0), 0, DATA, 1, F_NEXT, 1);
			describe(DESC(0), 1, DATA, 2000, F_WRITE, 0);
		}
		vnet_receive(&n, frame_in, 60);
		CHECK(is_broken(v) && n.lost == 1 && !n.received && !used_idx(RECEIVE));
		CHECK(outside == (i == 3) && !get(DATA, 8) && !get(DATA + 8, 8));
		vnet_receive(&n, frame_in, 60);
		CHECK(n.lost == 2 && !used_idx(RECEIVE));
	}
}

static void plugged(void *ctx, const u8 *frame, u32 size)
{
	vnet_receive(ctx, frame, size);
}

static void to_switch(void *ctx, const u8 *frame, u32 size)
{
	vswitch_send(&s, 0, frame, size);
}

/* All the way: from a driver to the switch, back to another one. */
static void through(void)
{
	plug_all();
	start();
	n.send = to_switch;
	s.port[0] = (struct vswitch_port){ plugged, &n };
	address(guest + (DATA - BASE) + VNET_HEADER, 11);
	address(guest + (DATA - BASE) + VNET_HEADER + ETH_ADDRESS, 10);
	memset(got, 0, sizeof(got));
	offer_one(RECEIVE, DATA + 0x1000, 2000, F_WRITE);
	offer_one(TRANSMIT, DATA, VNET_HEADER + 60, 0);
	notify_queue(v, TRANSMIT);
	CHECK(got[1] == 1 && got[2] == 1 && got[3] == 1 && !n.received && used_idx(1) == 1);
	CHECK(hop(2, 11, 10) == 0 && n.received == 1 && used_idx(RECEIVE) == 1);
	CHECK(!memcmp(guest + (DATA - BASE) + 0x1000 + VNET_HEADER, "\x52\x54\0\0\0\x0a", 6));
}

int main(void)
{
	learning();
	groups();
	sizes();
	full();
	ports();
	configuration();
	transmitting();
	receiving();
	losses();
	through();
	return UNIT_END();
}
