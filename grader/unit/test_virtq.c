/* dev/virtq.c: what a well-behaved driver sees of a queue. The others: test_virtio_hostile.c. */
#include "dev/virtq.h"
#include "random.h"
#include "unit.h"
#include "virtio_guest.h"

static struct virtq q;
static struct virtq_chain c;

static void start(u32 num)
{
	guest_start(num);
	q = (struct virtq){ .num = num, .ready = true, .desc = DESC(0), .avail = AVAIL(0),
			    .used = USED(0) };
}

/* Let all that counts begin at `idx`. */
static void start_at(u32 num, u16 idx)
{
	start(num);
	q.next_avail = q.seen_avail = q.next_used = q.told_used = avail_idx[0] = idx;
	put(AVAIL(0) + 2, idx, 2);
	put(USED(0) + 2, idx, 2);
}

static bool sane(u32 num, u64 desc, u64 avail, u64 used)
{
	const struct virtq one = { .num = num, .desc = desc, .avail = avail, .used = used };

	return virtq_is_sane(&one);
}

static void sanity(void)
{
	for (u32 num = 0; num < 600; num++)
		CHECK(sane(num, 0x1000, 0x2000, 0x3000) ==
		      (num && num <= 256 && !(num & (num - 1))));
	CHECK(!sane(0x80000000, 0x1000, 0x2000, 0x3000));
	for (u32 i = 0; i < 32; i++) {
		CHECK(sane(4, 0x1000 + i, 0x2000, 0x3000) == !(i % 16));
		CHECK(sane(4, 0x1000, 0x2000 + i, 0x3000) == !(i % 2));
		CHECK(sane(4, 0x1000, 0x2000, 0x3000 + i) == !(i % 4));
	}
	for (u64 gap = 0; gap < 0x2000; gap += 16) {		/* 256: 4096, 518 and 2054 bytes */
		CHECK(sane(256, -gap, 0x2000, 0x3000) == (!gap || gap > 4096));
		CHECK(sane(256, 0x1000, -gap, 0x3000) == (!gap || gap > 518));
		CHECK(sane(256, 0x1000, 0x2000, -gap) == (!gap || gap > 2054));
	}
}

/* More chains than idx can count, in batches, through queues of every size. */
static void counters(void)
{
	for (u32 num = 1; num <= VIRTQ_MAX; num *= 2) {
		u32 taken = 0, given = 0;

		start(num);
		for (u32 i = 0; i < num; i++)
			describe(DESC(0), i, DATA + i, 1 + i, 0, 0);
		while (taken < 66000) {
			u32 batch = 1 + below(num);

			for (u32 i = 0; i < batch; i++)
				offer(0, (u16)((given + i) * 7 % num));
			for (u32 i = 0; i < batch; i++, taken++) {
				CHECK(virtq_pop(&q, &memory, &c) == 1);
				CHECK(c.head == taken * 7 % num && c.readable == 1);
				CHECK(c.buffer[0].gpa == DATA + c.head && !c.writable);
				CHECK(c.readable_size == 1u + c.head && !c.writable_size);
			}
			CHECK(virtq_pop(&q, &memory, &c) == 0);
			for (u32 i = 0; i < batch; i++, given++) {
				CHECK(!virtq_push(&q, &memory, (u16)(given * 7 % num), given));
				CHECK(used_idx(0) == (u16)(given + 1));
				CHECK(last_head(0) == given * 7 % num && last_size(0) == given);
			}
		}
		CHECK(!outside);
	}
}

/* Buffers of `bytes` bytes each, the first at `at`, in a table from descriptor `i` on. */
static void row(u64 table, u32 i, u32 count, u64 at, u32 bytes, u32 flags, bool ends)
{
	for (u32 n = 0; n < count; n++)
		describe(table, i + n, at + n * bytes, bytes,
			 flags | (ends && n == count - 1 ? 0 : F_NEXT), i + n + 1);
}

static void check_chain(u32 readable, u32 writable, u32 bytes)
{
	memset(reads, 0, sizeof(reads));
	CHECK(virtq_pop(&q, &memory, &c) == 1);
	CHECK(c.readable == readable && c.writable == writable);
	CHECK(c.readable_size == readable * bytes && c.writable_size == writable * bytes);
	for (u32 i = 0; i < readable + writable; i++)
		CHECK(c.buffer[i].gpa == DATA + i * bytes && c.buffer[i].size == bytes);
	CHECK(most_reads(BASE, SIZE) == 1);
}

static void chains(void)
{
	start(8);
	row(DESC(0), 0, 3, DATA, 5, 0, false);
	row(DESC(0), 3, 5, DATA + 15, 5, F_WRITE, true);
	offer(0, 0);
	check_chain(3, 5, 5);

	start(8);				/* backwards, so that `next` counts, not order */
	describe(DESC(0), 7, DATA, 2, F_NEXT, 2);
	describe(DESC(0), 2, DATA + 2, 2, F_NEXT | F_WRITE, 0);
	describe(DESC(0), 0, DATA + 4, 2, F_WRITE, 5);	/* no NEXT: next is rubbish */
	offer(0, 7);
	check_chain(1, 2, 2);
	CHECK(c.head == 7);
	describe(DESC(0), 3, 0, 0xffffffff, 0, 0);	/* what is there is not looked at yet */
	offer(0, 3);
	CHECK(virtq_pop(&q, &memory, &c) == 1 && c.readable_size == 0xffffffff && !c.writable);
}

static void indirect(void)
{
	start(8);
	q.indirect = true;
	row(TABLE, 0, 4, DATA, 3, 0, false);
	row(TABLE, 4, 4, DATA + 12, 3, F_WRITE, true);
	describe(DESC(0), 6, TABLE, 8 * 16, F_INDIRECT, 0xffff);
	offer(0, 6);
	check_chain(4, 4, 3);
	CHECK(c.head == 6);
	describe(DESC(0), 6, TABLE, 8 * 16, F_INDIRECT | F_WRITE, 0);	/* is ignored */
	offer(0, 6);
	check_chain(4, 4, 3);

	start(4);				/* behind normal ones */
	q.indirect = true;
	row(DESC(0), 1, 2, DATA, 4, 0, false);
	describe(DESC(0), 3, TABLE, 3 * 16, F_INDIRECT, 0);	/* of 3 two are in use */
	row(TABLE, 0, 2, DATA + 8, 4, F_WRITE, true);
	offer(0, 1);
	check_chain(2, 2, 4);

	start(1);				/* a table may have more than the queue */
	q.indirect = true;
	describe(DESC(0), 0, TABLE, 512 * 16, F_INDIRECT, 0);
	describe(TABLE, 0, DATA, 4, 0, 0);
	offer(0, 0);
	check_chain(1, 0, 4);

	start(VIRTQ_MAX);
	q.indirect = true;
	describe(DESC(0), 255, TABLE, 256 * 16, F_INDIRECT, 0);
	row(TABLE, 0, 256, DATA, 1, F_WRITE, true);
	offer(0, 255);
	check_chain(0, 256, 1);
}

/* All of 4 GiB, and not a byte more. */
static void largest(void)
{
	for (u32 more = 0; more < 2; more++) {
		start(4);
		describe(DESC(0), 0, 0x1000, 0x80000000, F_NEXT, 1);
		describe(DESC(0), 1, 0x1000, 0x7fffffff, F_NEXT | F_WRITE, 2);
		describe(DESC(0), 2, 0, 1 + more, F_WRITE, 0);
		offer(0, 0);
		CHECK(virtq_pop(&q, &memory, &c) == (more ? -EINVAL : 1));
	}
	CHECK(c.readable_size == 0x80000000);
	start(4);
	describe(DESC(0), 0, UINT64_MAX - 1, 1, 0, 0);		/* up to the end, less one */
	offer(0, 0);
	CHECK(virtq_pop(&q, &memory, &c) == 1);
}

static void not_ready(void)
{
	start(8);
	offer_one(0, DATA, 1, 0);
	q.ready = false;
	CHECK(virtq_pop(&q, &memory, &c) == 0 && virtq_listen(&q, &memory) == 0);
	CHECK(!most_reads(BASE, SIZE));
	q.ready = true;
	CHECK(virtq_pop(&q, &memory, &c) == 1 && virtq_pop(&q, &memory, &c) == 0);
	offer(0, 0);				/* full: as many as it has */
	for (u32 i = 0; i < 7; i++)
		offer(0, 0);
	for (u32 i = 0; i < 8; i++)
		CHECK(virtq_pop(&q, &memory, &c) == 1);
	CHECK(virtq_pop(&q, &memory, &c) == 0);
}

/* An error changes nothing: the chain is still there, and still an error. */
static void again(void)
{
	start(4);
	put(AVAIL(0) + 2, 5, 2);
	CHECK(virtq_pop(&q, &memory, &c) == -EINVAL && virtq_pop(&q, &memory, &c) == -EINVAL);
	CHECK(virtq_listen(&q, &memory) == -EINVAL);
	put(AVAIL(0) + 2, 1, 2);
	describe(DESC(0), 0, DATA, 0, 0, 0);
	CHECK(virtq_pop(&q, &memory, &c) == -EINVAL && virtq_pop(&q, &memory, &c) == -EINVAL);
	describe(DESC(0), 0, DATA, 1, 0, 0);
	CHECK(virtq_pop(&q, &memory, &c) == 1);
	start_at(4, 3);
	q.avail = 0;
	CHECK(virtq_pop(&q, &memory, &c) == -EFAULT && virtq_pop(&q, &memory, &c) == -EFAULT);
	CHECK(q.next_avail == 3);
}

/* ---- Telling each other --------------------------------------------------------------------- */

/* Entries old .. old + count - 1 are new; does the driver want to know, if it waits for `event`? */
static bool model(u16 old, u32 count, u16 event)
{
	for (u32 i = 0; i < count; i++)
		if ((u16)(old + i) == event)
			return true;
	return false;
}

static void one_event(u32 num, u16 old, u32 count, u16 event)
{
	start_at(num, old);
	q.event_idx = true;
	put(AVAIL(0), VIRTQ_AVAIL_F_NO_INTERRUPT, 2);	/* doesn't count any more */
	used_event(0, event);
	for (u32 i = 0; i < count; i++)
		CHECK(!virtq_push(&q, &memory, 0, 0));
	CHECK(virtq_wants_interrupt(&q, &memory) == model(old, count, event));
	CHECK(most_reads(BASE, SIZE) == 1);
	CHECK(virtq_wants_interrupt(&q, &memory) == 0);		/* it knows */
}

static void events(void)
{
	static const u16 olds[] = { 0, 1, 0x7ffe, 0x8000, 0xfffc, 0xffff };

	for (u32 i = 0; i < ARRAY_SIZE(olds); i++) {
		for (u32 count = 0; count <= 8; count++) {
			for (int event = -4; event < 14; event++)
				one_event(8, olds[i], count, (u16)(olds[i] + event));
			one_event(8, olds[i], count, (u16)(olds[i] + 0x8000));
		}
		one_event(256, olds[i], 256, (u16)(olds[i] + 255));
		one_event(256, olds[i], 256, (u16)(olds[i] + 256));
		one_event(1, olds[i], 1, olds[i]);
		one_event(1, olds[i], 1, (u16)(olds[i] + 1));
	}
}

/* A driver that now and then moves used_event, far beyond a wrap. */
static void long_events(void)
{
	u16 event = 0;

	start(16);
	q.event_idx = true;
	for (u32 round = 0; round < 30000; round++) {
		u32 count = below(9);
		u16 old = q.next_used;

		if (!below(3))
			event = (u16)(old + below(12) - 2);
		used_event(0, event);
		for (u32 i = 0; i < count; i++)
			CHECK(!virtq_push(&q, &memory, 0, 0));
		CHECK(virtq_wants_interrupt(&q, &memory) == model(old, count, event));
	}
}

static void flags(void)
{
	for (u32 n = 0; n < 4; n++) {
		start(8);
		put(AVAIL(0), n, 2);
		used_event(0, 0);
		CHECK(virtq_wants_interrupt(&q, &memory) == 0);	/* of what? */
		CHECK(!virtq_push(&q, &memory, 0, 0));
		CHECK(virtq_wants_interrupt(&q, &memory) == !(n & 1));
		CHECK(virtq_wants_interrupt(&q, &memory) == 0);
	}
	q.avail = 0;
	CHECK(virtq_wants_interrupt(&q, &memory) == -EFAULT);
}

/* The driver puts in a chain, and doesn't notify, for it can't see avail_event yet. */
static void sneak_in(u64 gpa, u64 size, bool write)
{
	if (write && gpa == USED(0) + 4 + queue_num * 8)
		offer(0, 0);
}

static void listening(void)
{
	start_at(8, 0xfffe);
	q.event_idx = true;
	for (u32 i = 0; i < 4; i++) {
		CHECK(virtq_listen(&q, &memory) == 0);
		CHECK(avail_event(0) == (u16)(0xfffe + i));
		offer_one(0, DATA, 1, 0);
		CHECK(virtq_listen(&q, &memory) == 1 && virtq_listen(&q, &memory) == 1);
		CHECK(virtq_pop(&q, &memory, &c) == 1);
	}
	after = sneak_in;
	CHECK(virtq_pop(&q, &memory, &c) == 0);
	CHECK(virtq_listen(&q, &memory) == 1);
	CHECK(virtq_pop(&q, &memory, &c) == 1);
	put(AVAIL(0) + 2, avail_idx[0] + 9, 2);
	after = NULL;
	CHECK(virtq_listen(&q, &memory) == -EINVAL);
	q.used = 0;
	CHECK(virtq_listen(&q, &memory) == -EFAULT);

	start(8);				/* without: it is told of all */
	memset(guest + (USED(0) - BASE), 0xaa, 0x1000);
	CHECK(virtq_listen(&q, &memory) == 0);
	offer_one(0, DATA, 1, 0);
	CHECK(virtq_listen(&q, &memory) == 1);
	CHECK(get(USED(0), 8) == 0xaaaaaaaaaaaaaaaa && avail_event(0) == 0xaaaa);
}

static void check_order(u64 gpa, u64 size, bool write)
{
	CHECK(write);
	if (gpa == USED(0) + 2)
		CHECK(last_head(0) == 5 && last_size(0) == 77);
	else
		CHECK(used_idx(0) == 0xffff);
}

static void pushing(void)
{
	start_at(4, 0xffff);
	after = check_order;
	CHECK(!virtq_push(&q, &memory, 5, 77));
	after = NULL;
	CHECK(used_idx(0) == 0 && last_head(0) == 5 && last_size(0) == 77);
	CHECK(get(USED(0), 2) == 0 && get(USED(0) + 4, 8) == 0 && avail_event(0) == 0);
	q.used = END - 4;
	CHECK(virtq_push(&q, &memory, 5, 77) == -EFAULT && get(END - 4, 4) == 0);
}

/* ---- Buffers -------------------------------------------------------------------------------- */

/* Every piece of a chain whose buffers are of 1, 2, 3 and 4 bytes, with gaps between them. */
static void copies(void)
{
	u8 buf[12];

	start(8);
	for (u32 i = 0; i < 8; i++)
		describe(DESC(0), i, DATA + i * 8, 1 + i % 4,
			 (i < 4 ? 0 : F_WRITE) | (i < 7 ? F_NEXT : 0), i + 1);
	offer(0, 0);
	CHECK(virtq_pop(&q, &memory, &c) == 1);
	CHECK(c.readable_size == 10 && c.writable_size == 10);
	for (u32 i = 0, n = 0; i < 4; i++)
		for (u32 at = 0; at <= i; at++)
			put(DATA + i * 8 + at, 'a' + n++, 1);
	for (u32 offset = 0; offset <= 12; offset++) {
		for (u32 size = 0; size <= 11; size++) {
			bool fits = offset + size <= 10 || !size;

			memset(buf, 0, sizeof(buf));
			CHECK(virtq_read(&memory, &c, offset, buf, size) == (fits ? 0 : -EINVAL));
			CHECK(!fits || !memcmp(buf, "abcdefghij" + (size ? offset : 0), size));
			CHECK(!buf[size]);
			memset(guest + (DATA - BASE) + 32, 0, 32);
			CHECK(virtq_write(&memory, &c, offset, "0123456789ab", size) ==
			      (fits ? 0 : -EINVAL));
			for (u32 i = 0, n = 0; i < 4; i++) {
				for (u32 at = 0; at < 8; at++) {
					bool in = at <= i && n >= offset && n < offset + size;
					u32 want = in ? '0' + n - offset : 0;

					CHECK(!fits || get(DATA + 32 + i * 8 + at, 1) == want);
					n += at <= i;
				}
			}
		}
	}
	CHECK(virtq_read(&memory, &c, UINT64_MAX, buf, 1) == -EINVAL);
	CHECK(virtq_write(&memory, &c, BIT(32), buf, 1) == -EINVAL);
	c.buffer[1].gpa = c.buffer[6].gpa = END - 1;		/* 2 and 3 bytes */
	CHECK(virtq_read(&memory, &c, 0, buf, 4) == -EFAULT);
	CHECK(virtq_write(&memory, &c, 0, buf, 10) == -EFAULT);
}

int main(void)
{
	sanity();
	counters();
	chains();
	indirect();
	largest();
	not_ready();
	again();
	events();
	long_events();
	flags();
	listening();
	pushing();
	copies();
	return UNIT_END();
}
