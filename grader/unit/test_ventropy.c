/* dev/ventropy.c: buffers full of random bytes. */
#include "dev/ventropy.h"
#include "unit.h"
#include "virtio_guest.h"

static u64 words;

static u64 count_up(void *ctx)
{
	CHECK(ctx == &words);
	return (++words & 0xff) * 0x0101010101010101;
}

static struct ventropy e;
static struct virtio *const v = &e.virtio;

static void start(void)
{
	e = (struct ventropy){ .random = count_up, .ctx = &words };
	ventropy_init(&e, &memory);
	bring_up(v, VIRTIO_F_INDIRECT_DESC, 8);
	words = 0;
}

static void identity(void)
{
	start();
	CHECK(reg(v, VIRTIO_DEVICE_ID) == 4 && v->kind->queues == 1);
	CHECK(reg(v, VIRTIO_DEVICE_FEATURES) == (VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX));
	for (u32 offset = VIRTIO_CONFIG; offset < VIRTIO_SIZE; offset += 4)
		CHECK(reg(v, offset) == 0);
}

/* All bytes of a buffer, and none behind it; of a large one, as many as we say. */
static void fills(void)
{
	for (u32 size = 1; size < 5000; size += size < 40 ? 1 : 333) {
		u32 got = size < 4096 ? size : 4096;

		start();
		describe(DESC(0), 0, DATA, size > 3 ? 3 : size,
			 F_WRITE | (size > 3 ? F_NEXT : 0), 1);
		describe(DESC(0), 1, DATA + 3, size - 3, F_WRITE, 0);
		offer(0, 0);
		notify_queue(v, 0);
		CHECK(used_idx(0) == 1 && last_head(0) == 0 && last_size(0) == got);
		CHECK(virtio_irq(v) && words == (got + 7) / 8 && !outside);
		for (u32 i = 0; i < got; i++)
			CHECK(get(DATA + i, 1) == (u8)(i / 8 + 1));
		CHECK(get(DATA + got, 8) == 0 && !most_reads(DATA, END - DATA));
	}
	start();
	for (u32 i = 0; i < 8; i++)
		offer_one(0, DATA, 8, F_WRITE);
	notify_queue(v, 0);
	CHECK(used_idx(0) == 8 && words == 8 && get(DATA, 1) == 8);
}

static void trouble(void)
{
	start();
	offer_one(0, DATA, 8, 0);		/* nothing to write to */
	notify_queue(v, 0);
	CHECK(is_broken(v) && !used_idx(0) && !words);
	start();
	describe(DESC(0), 0, DATA, 8, F_NEXT, 1);
	describe(DESC(0), 1, DATA, 8, F_WRITE, 0);
	offer(0, 0);				/* something to read */
	notify_queue(v, 0);
	CHECK(is_broken(v) && !used_idx(0) && !words && !get(DATA, 8));
	start();
	offer_one(0, END - 7, 8, F_WRITE);
	notify_queue(v, 0);
	CHECK(is_broken(v) && outside == 1 && !used_idx(0));
}

int main(void)
{
	identity();
	fills();
	trouble();
	return UNIT_END();
}
