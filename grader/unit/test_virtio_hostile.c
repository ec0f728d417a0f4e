/*
 * The virtio devices, and drivers that mean harm. What they do ends with a device that needs a
 * reset; and nobody has touched anything outside the guest's memory and the disk, or believed a
 * value that was there a moment ago.
 */
#include "dev/vblk.h"
#include "dev/vconsole.h"
#include "dev/ventropy.h"
#include "dev/vnet.h"
#include "unit.h"
#include "virtio_guest.h"

#define NUM	8
#define BLOCKS	4
#define IND	VIRTIO_F_INDIRECT_DESC

static u8 disk[BLOCKS * VBLK_SECTOR], disk_before[sizeof(disk)], guest_before[SIZE];
static struct vblk block = { .disk = disk, .sectors = BLOCKS, .id = "id" };
static struct virtio *const v = &block.virtio;

static void d(u32 i, u64 address, u32 size, u32 flags, u32 next)
{
	describe(DESC(0), i, address, size, flags, next);
}

static void t(u32 i, u64 address, u32 size, u32 flags, u32 next)
{
	describe(TABLE, i, address, size, flags, next);
}

/* A request in descriptors `i` to `i` + 2 of a table, whose payload is a sector. */
static void request(u64 table, u32 i, u32 type, u64 sector)
{
	put(DATA, type, 4);
	put(DATA + 8, sector, 8);
	describe(table, i, DATA, 16, F_NEXT, i + 1);
	describe(table, i + 1, DATA + 16, 512, F_NEXT | (type == 1 ? 0 : F_WRITE), i + 2);
	describe(table, i + 2, END - 1, 1, F_WRITE, 0);
}

/* ---- Chains and rings ----------------------------------------------------------------------- */

static void loop_of_one(void)
{
	d(0, DATA, 16, F_NEXT, 0);
	offer(0, 0);
}

static void loop_of_two(void)
{
	d(0, DATA, 16, F_NEXT, 1);
	d(1, DATA, 16, F_NEXT, 0);
	offer(0, 0);
}

static void loop_in_table(void)
{
	d(0, TABLE, 32, F_INDIRECT, 0);
	t(0, DATA, 16, F_NEXT, 1);
	t(1, DATA, 16, F_NEXT, 0);
	offer(0, 0);
}

/* The table is the queue itself, and leads back into it. */
static void loop_through_table(void)
{
	d(0, DATA, 16, F_NEXT, 1);
	d(1, DESC(0), NUM * 16, F_INDIRECT, 0);
	offer(0, 0);
}

static void too_long(void)
{
	d(0, DATA, 16, F_NEXT, 1);
	d(1, TABLE, (NUM + 1) * 16, F_INDIRECT, 0);
	for (u32 i = 0; i < NUM; i++)
		t(i, DATA + i, 1, F_WRITE | (i < NUM - 1 ? F_NEXT : 0), i + 1);
	offer(0, 0);
}

static void head_out_of_range(void)
{
	d(0, DATA, 16, F_WRITE, 0);
	offer(0, NUM);
}

static void head_is_huge(void)
{
	offer(0, 0xffff);
}

static void next_out_of_range(void)
{
	d(0, DATA, 16, F_NEXT, NUM);
	d(NUM, DATA, 16, F_WRITE, 0);
	offer(0, 0);
}

static void next_behind_table(void)
{
	d(0, TABLE, 32, F_INDIRECT, 0);
	t(0, DATA, 16, F_NEXT, 2);
	t(2, DATA, 16, F_WRITE, 0);
	offer(0, 0);
}

static void idx_jumps(void)
{
	request(DESC(0), 0, 0, 0);
	put(AVAIL(0) + 2, NUM + 1, 2);
}

static void idx_goes_back(void)
{
	request(DESC(0), 0, 0, 0);
	put(AVAIL(0) + 2, 0xffff, 2);
}

static void length_0(void)
{
	request(DESC(0), 0, 0, 0);
	d(1, DATA + 16, 0, F_NEXT | F_WRITE, 2);
	offer(0, 0);
}

static void address_wraps(void)
{
	request(DESC(0), 0, 0, 0);
	d(1, -256ull, 512, F_NEXT | F_WRITE, 2);
	offer(0, 0);
}

static void above_4_gib(void)
{
	d(0, DATA, 16, F_NEXT, 1);
	d(1, DATA, 0xffffffff, F_NEXT, 2);
	d(2, DATA, 1, F_WRITE, 0);
	offer(0, 0);
}

static void readable_behind_writable(void)
{
	request(DESC(0), 0, 0, 0);
	d(2, END - 1, 1, F_NEXT | F_WRITE, 3);
	d(3, DATA, 1, 0, 0);
	offer(0, 0);
}

static void table_within_table(void)
{
	d(0, TABLE, 32, F_INDIRECT, 0);
	t(0, DATA, 16, F_NEXT, 1);
	t(1, TABLE + 64, 48, F_INDIRECT, 0);
	request(TABLE + 64, 0, 0, 0);
	offer(0, 0);
}

static void table_with_next(void)
{
	d(0, TABLE, 48, F_INDIRECT | F_NEXT, 1);
	request(TABLE, 0, 0, 0);
	d(1, DATA, 1, F_WRITE, 0);
	offer(0, 0);
}

static void table(u64 address, u32 size)
{
	d(0, address, size, F_INDIRECT, 0);
	request(TABLE, 0, 0, 0);
	offer(0, 0);
}

static void table_empty(void)
{
	table(TABLE, 0);
}

static void table_odd(void)
{
	table(TABLE, 49);
}

static void table_half(void)
{
	table(TABLE, 8);
}

static void table_in_use(void)
{
	table(TABLE, 48);
}

static void table_outside(void)
{
	table(END, 48);
}

static void table_partly_outside(void)
{
	table(END - 16, 48);
	describe(END - 16, 0, DATA, 16, F_NEXT, 1);
}

static void table_across_end(void)
{
	table(END - 8, 48);
}

static void buffer_leaves(void)
{
	request(DESC(0), 0, 0, 0);
	d(1, END - 511, 512, F_NEXT | F_WRITE, 2);
	offer(0, 0);
}

static void buffer_outside(void)
{
	request(DESC(0), 0, 0, 0);
	d(1, BASE - 512, 512, F_NEXT | F_WRITE, 2);
	offer(0, 0);
}

static void buffer_begins_outside(void)
{
	request(DESC(0), 0, 1, 0);
	d(1, BASE - 1, 512, F_NEXT, 2);
	offer(0, 0);
}

static void buffer_at_the_end_of_all(void)
{
	request(DESC(0), 0, 0, 0);
	d(1, UINT64_MAX - 512, 512, F_NEXT | F_WRITE, 2);
	offer(0, 0);
}

static void header_outside(void)
{
	request(DESC(0), 0, 0, 0);
	d(0, END - 15, 16, F_NEXT, 1);
	offer(0, 0);
}

static void no_status(void)
{
	request(DESC(0), 0, 1, 0);
	d(1, DATA + 16, 512, 0, 0);
	offer(0, 0);
}

static void header_too_short(void)
{
	request(DESC(0), 0, 0, 0);
	d(0, DATA, 15, F_NEXT, 2);
	offer(0, 0);
}

static void no_header(void)
{
	d(0, END - 1, 1, F_WRITE, 0);
	offer(0, 0);
}

static const struct harm {
	const char *name;
	void (*put)(void);
	u64 features;
	bool loops;			/* reads a descriptor more than once */
	bool outside;			/* the guest's memory has to refuse something */
} harms[] = {
	{ "a loop of 1", .put = loop_of_one, .loops = true },
	{ "a loop of 2", .put = loop_of_two, .loops = true },
	{ "a loop in a table", .put = loop_in_table, .features = IND, .loops = true },
	{ "a loop through a table", .put = loop_through_table, .features = IND, .loops = true },
	{ "a chain longer than the queue", .put = too_long, .features = IND },
	{ "head out of range", .put = head_out_of_range },
	{ "head 65535", .put = head_is_huge },
	{ "next out of range", .put = next_out_of_range },
	{ "next behind the table", .put = next_behind_table, .features = IND },
	{ "avail.idx jumps", .put = idx_jumps },
	{ "avail.idx goes back", .put = idx_goes_back },
	{ "length 0", .put = length_0 },
	{ "an address that wraps", .put = address_wraps },
	{ "more than 4 GiB", .put = above_4_gib },
	{ "readable behind writable", .put = readable_behind_writable },
	{ "a table without the feature", .put = table_in_use },
	{ "a table within a table", .put = table_within_table, .features = IND },
	{ "a table, and NEXT", .put = table_with_next, .features = IND },
	{ "an empty table", .put = table_empty, .features = IND },
	{ "a table and a byte", .put = table_odd, .features = IND },
	{ "half a descriptor", .put = table_half, .features = IND },
	{ "a table outside", .put = table_outside, .features = IND, .outside = true },
	{ "a table partly outside", .put = table_partly_outside, .features = IND, .outside = true },
	{ "a table across the end", .put = table_across_end, .features = IND, .outside = true },
	{ "a buffer that leaves memory", .put = buffer_leaves, .outside = true },
	{ "a buffer outside", .put = buffer_outside, .outside = true },
	{ "a buffer that begins outside", .put = buffer_begins_outside, .outside = true },
	{ "a buffer at the end of all", .put = buffer_at_the_end_of_all, .outside = true },
	{ "a header outside", .put = header_outside, .outside = true },
	{ "no status", .put = no_status },
	{ "a header too short", .put = header_too_short },
	{ "no header", .put = no_header },
};

static void start(u64 features)
{
	vblk_init(&block, &memory);
	memset(disk, 0x5a, sizeof(disk));
	bring_up(v, features, NUM);
}

static void keep(void)
{
	memcpy(guest_before, guest, sizeof(guest));
	memcpy(disk_before, disk, sizeof(disk));
}

static bool untouched(void)
{
	return !memcmp(guest_before, guest, sizeof(guest)) &&
	       !memcmp(disk_before, disk, sizeof(disk));
}

static bool can_read_again(void)
{
	start(0);
	request(DESC(0), 0, 0, 1);
	put(END - 1, 0xee, 1);
	offer(0, 0);
	notify_queue(v, 0);
	return used_idx(0) == 1 && get(END - 1, 1) == 0 && get(DATA + 16, 1) == 0x5a &&
	       reg(v, VIRTIO_INTERRUPT_STATUS) == VIRTIO_I_QUEUE && !is_broken(v);
}

static void all_harms(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(harms); i++) {
		const struct harm *h = &harms[i];
		int failures = unit_failures;

		start(h->features);
		h->put();
		keep();
		memset(reads, 0, sizeof(reads));
		notify_queue(v, 0);
		CHECK(is_broken(v) && !virtio_is_live(v) && used_idx(0) == 0);
		CHECK(reg(v, VIRTIO_INTERRUPT_STATUS) == VIRTIO_I_CONFIG);
		CHECK(untouched() && !!outside == h->outside);
		CHECK(most_reads(BASE, SIZE) <= (h->loops ? NUM + 1 : 1));
		memset(reads, 0, sizeof(reads));
		notify_queue(v, 0);				/* it is deaf */
		CHECK(!most_reads(BASE, SIZE) && untouched());
		set(v, VIRTIO_STATUS, 0);
		CHECK(!virtio_irq(v) && reg(v, VIRTIO_STATUS) == 0);
		CHECK(can_read_again());
		if (failures != unit_failures)
			printf("  that was %s\n", h->name);
	}
	start(IND);				/* and this one means no harm */
	table_in_use();
	notify_queue(v, 0);
	CHECK(!is_broken(v) && used_idx(0) == 1 && get(DATA + 16, 1) == 0x5a);
}

/* Each of the three parts, outside in whole and in part. */
static void parts_outside(void)
{
	static const struct { u32 part; u64 at; } where[] = {
		{ VIRTIO_QUEUE_DESC, 0 }, { VIRTIO_QUEUE_DESC, END },
		{ VIRTIO_QUEUE_DESC, END - 16 }, { VIRTIO_QUEUE_DESC, BIT(52) },
		{ VIRTIO_QUEUE_DRIVER, 0 }, { VIRTIO_QUEUE_DRIVER, END },
		{ VIRTIO_QUEUE_DRIVER, END - 2 }, { VIRTIO_QUEUE_DRIVER, BIT(52) },
		{ VIRTIO_QUEUE_DEVICE, 0 }, { VIRTIO_QUEUE_DEVICE, END },
		{ VIRTIO_QUEUE_DEVICE, END - 4 }, { VIRTIO_QUEUE_DEVICE, BIT(52) },
	};

	for (u32 i = 0; i < ARRAY_SIZE(where); i++) {
		start(0);
		set(v, VIRTIO_QUEUE_SEL, 0);
		set(v, VIRTIO_QUEUE_READY, 0);
		set_address(v, where[i].part, where[i].at);
		set(v, VIRTIO_QUEUE_READY, 1);
		CHECK(reg(v, VIRTIO_QUEUE_READY) == 1);
		request(DESC(0), 0, 4, 0);
		describe(END - 16, 0, DATA, 16, F_NEXT, 1);	/* of the table in part outside */
		put(END - 1, 0, 1);
		offer(0, 0);
		keep();
		notify_queue(v, 0);
		CHECK(is_broken(v) && outside && used_idx(0) == 0 && untouched());
		CHECK(can_read_again());
	}
}

/* Sectors that are not there, and odd lengths: no harm, but no success. */
static void bad_requests(void)
{
	static const struct { u64 sector; u32 size; } bad[] = {
		{ BLOCKS, 512 }, { BIT(55), 512 }, { UINT64_MAX, 512 }, { 0, 511 }, { 0, 1 },
	};

	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		for (u32 type = 0; type < 2; type++) {
			start(0);
			request(DESC(0), 0, type, bad[i].sector);
			put(DESC(0) + 16 + 8, bad[i].size, 4);
			put(END - 1, 1, 1);
			offer(0, 0);
			keep();
			notify_queue(v, 0);
			CHECK(used_idx(0) == 1 && last_size(0) == type);
			CHECK(!is_broken(v) && !outside);
			memset(guest_before + (USED(0) - BASE), 0, 0x1000);
			memset(guest + (USED(0) - BASE), 0, 0x1000);
			CHECK(untouched());
		}
	}
}

/* ---- Memory that changes -------------------------------------------------------------------- */

/* What was handed out is something else the next moment, but for what is looked at anew. */
static void change(u64 gpa, u64 size, bool write)
{
	if (gpa >= AVAIL(0) && gpa < AVAIL(0) + 4)
		return;
	for (u64 i = 0; i < size && !write; i++)
		guest[gpa - BASE + i] ^= 0xff;
}

static void changing(void)
{
	for (u32 type = 0; type < 2; type++) {
		start(IND);
		request(TABLE, 1, type, 2);
		t(0, DATA, 16, F_NEXT, 2);
		d(3, TABLE, 64, F_INDIRECT, 0);
		memset(guest + (DATA - BASE) + 16, 0x33, 512);
		put(END - 1, 0xee, 1);
		offer(0, 3);
		after = change;
		notify_queue(v, 0);
		CHECK(!is_broken(v) && used_idx(0) == 1 && last_head(0) == 3);
		CHECK(last_size(0) == (type ? 1 : 513) && get(END - 1, 1) == 0);
		CHECK(most_reads(DESC(0), 0x1000) == 1 && most_reads(TABLE, 0x1000) == 1);
		CHECK(most_reads(DATA, END - DATA) == 1);
		for (u32 i = 0; i < 512; i++)
			CHECK(disk[1024 + i] == (type ? 0x33 : 0x5a));
		CHECK(disk[1023] == 0x5a && disk[1536] == 0x5a);
	}
}

/* One more chain each time that the device looks: it comes to an end when the driver does. */
static u32 left;

static void feed(u64 gpa, u64 size, bool write)
{
	if (!write && gpa == AVAIL(0) + 2 && left) {
		left--;
		offer(0, 0);
	}
}

static void storms(void)
{
	start(VIRTIO_F_EVENT_IDX);
	for (u32 i = 0; i < 100000; i++) {
		notify_queue(v, 0);
		if (i % 256 == 255) {
			CHECK(most_reads(BASE, SIZE) <= 255 && !used_idx(0) && !virtio_irq(v));
			memset(reads, 0, sizeof(reads));
		}
	}
	request(DESC(0), 0, 0, 0);
	left = 70000;
	after = feed;
	notify_queue(v, 0);
	CHECK(!left && used_idx(0) == (u16)70000 && !is_broken(v) && !outside);
}

/* ---- A reset in the midst ------------------------------------------------------------------- */

static struct virtio *victim;
static u32 accesses, reset_at;
static bool then_refuse;
static u16 used_then[VIRTIO_MAX_QUEUES];

static void reset_then(u64 gpa, u64 size, bool write)
{
	if (accesses++ != reset_at)
		return;
	set(victim, VIRTIO_STATUS, 0);
	for (u32 queue = 0; queue < VIRTIO_MAX_QUEUES; queue++)
		used_then[queue] = used_idx(queue);
	refuse = then_refuse;
}

static void send(void *ctx, const char *text, u64 size)
{
}

static void send_frame(void *ctx, const u8 *frame, u32 size)
{
}

static u64 no_random(void *ctx)
{
	return 0x1122334455667788;
}

static struct vconsole console = { .send = send };
static struct vnet net = { .send = send_frame };
static struct ventropy entropy = { .random = no_random };

static void begin(struct virtio *one, u64 features)
{
	victim = one;
	bring_up(one, features, NUM);
	after = reset_then;
}

static void start_disk(u32 type)
{
	vblk_init(&block, &memory);
	begin(v, VIRTIO_F_EVENT_IDX);
	request(DESC(0), 0, type, 1);
	offer(0, 0);
}

static void disk_in(void)
{
	start_disk(0);
	notify_queue(v, 0);
}

static void disk_out(void)
{
	start_disk(1);
	notify_queue(v, 0);
}

static void disk_id(void)
{
	start_disk(8);
	notify_queue(v, 0);
}

static void console_out(void)
{
	vconsole_init(&console, &memory);
	begin(&console.virtio, 0);
	offer_one(1, DATA, 500, 0);
	notify_queue(victim, 1);
}

static void console_in(void)
{
	vconsole_init(&console, &memory);
	begin(&console.virtio, VIRTIO_F_EVENT_IDX);
	offer_one(0, DATA, 500, F_WRITE);
	while (vconsole_receive(&console, 'x'))
		;
	virtio_wake(victim, 0);
}

static void net_out(void)
{
	vnet_init(&net, &memory);
	begin(&net.virtio, VIRTIO_F_EVENT_IDX);
	offer_one(1, DATA, 500, 0);
	notify_queue(victim, 1);
}

static void net_in(void)
{
	static const u8 frame[60];

	vnet_init(&net, &memory);
	begin(&net.virtio, 0);
	offer_one(0, DATA, 2000, F_WRITE);
	vnet_receive(&net, frame, sizeof(frame));
}

static void random_bytes(void)
{
	ventropy_init(&entropy, &memory);
	begin(&entropy.virtio, 0);
	offer_one(0, DATA, 100, F_WRITE);
	notify_queue(victim, 0);
}

static void check_reset(void (*work)(void), const char *name)
{
	int failures = unit_failures;

	CHECK(reg(victim, VIRTIO_STATUS) == 0 && !virtio_irq(victim) && !outside);
	for (u32 queue = 0; queue < VIRTIO_MAX_QUEUES; queue++)
		CHECK(used_idx(queue) == used_then[queue]);
	CHECK(!victim->queue[0].next_used && !victim->queue[1].next_used);
	CHECK(!victim->queue[0].next_avail && !victim->queue[1].next_avail);
	reset_at = UINT32_MAX;
	work();
	CHECK(virtio_irq(victim) && used_idx(0) + used_idx(1) == 1);
	if (failures != unit_failures)
		printf("  that was %s\n", name);
}

static void resets(void)
{
	static const struct { const char *name; void (*work)(void); } all[] = {
		{ "a disk, reading", disk_in }, { "a disk, writing", disk_out },
		{ "a disk's name", disk_id },
		{ "a console, out", console_out }, { "a console, in", console_in },
		{ "a net, out", net_out }, { "a net, in", net_in },
		{ "random bytes", random_bytes },
	};

	for (u32 i = 0; i < ARRAY_SIZE(all); i++) {
		u32 n = 0;

		for (bool more = true; more; n++) {	/* each access, in both ways */
			accesses = 0;
			reset_at = n / 2;
			then_refuse = n & 1;
			all[i].work();
			more = accesses > reset_at;
			if (more)
				check_reset(all[i].work, all[i].name);
		}
		CHECK(n > 8);
	}
}

int main(void)
{
	all_harms();
	parts_outside();
	bad_requests();
	changing();
	storms();
	resets();
	return UNIT_END();
}
