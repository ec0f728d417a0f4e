/* dev/vblk.c: requests of all kinds, whole and in pieces. */
#include "dev/vblk.h"
#include "random.h"
#include "unit.h"
#include "virtio_guest.h"

#define SECTORS		16
#define HEADER		DATA			/* of a request */
#define PAYLOAD		(DATA + 0x100)
#define STATUS		(END - 1)

enum { IN, OUT, FLUSH = 4, GET_ID = 8, DISCARD = 11, WRITE_ZEROES = 13 };
enum { OK, IOERR, UNSUPP };

#define F_RO		BIT(5)
#define F_DISCARD	BIT(13)

static u8 disk[SECTORS * VBLK_SECTOR];	/* the sanitizer watches its ends */
static struct vblk b;

static u8 byte_of(u64 at)
{
	return (u8)(at * 31 + at / VBLK_SECTOR + 1);
}

static void start_as(bool read_only)
{
	b = (struct vblk){ .disk = disk, .sectors = SECTORS, .read_only = read_only,
			   .id = "nestling-disk-number" };
	vblk_init(&b, &memory);
	for (u64 i = 0; i < sizeof(disk); i++)
		disk[i] = byte_of(i);
	bring_up(&b.virtio, VIRTIO_F_INDIRECT_DESC, 64);
}

static void start(void)
{
	start_as(false);
}

static bool disk_is_as_before(void)
{
	for (u64 i = 0; i < sizeof(disk); i++)
		if (disk[i] != byte_of(i))
			return false;
	return true;
}

static void header(u64 at, u32 type, u64 sector)
{
	put(at, type, 4);
	put(at + 4, 0x5a5a5a5a, 4);		/* ioprio once, now reserved */
	put(at + 8, sector, 8);
}

/* A request as most drivers cut it: header, payload of `size` bytes, status. @return the status */
static u32 request(u32 type, u64 sector, u32 size)
{
	u16 before = used_idx(0);
	u32 i = 0;

	header(HEADER, type, sector);
	put(STATUS, 0xee, 1);
	describe(DESC(0), i++, HEADER, 16, F_NEXT, 1);
	if (size)
		describe(DESC(0), i++, PAYLOAD, size,
			 F_NEXT | (type == IN || type == GET_ID ? F_WRITE : 0), 2);
	describe(DESC(0), i, STATUS, 1, F_WRITE, 0);
	offer(0, 0);
	memset(reads, 0, sizeof(reads));
	notify_queue(&b.virtio, 0);
	CHECK(most_reads(HEADER, END - HEADER) <= 1);
	CHECK(used_idx(0) == (u16)(before + 1) && last_head(0) == 0 && virtio_irq(&b.virtio));
	set(&b.virtio, VIRTIO_INTERRUPT_ACK, VIRTIO_I_QUEUE);
	CHECK(!virtio_irq(&b.virtio) && !outside);
	return (u32)get(STATUS, 1);
}

static void configuration(void)
{
	static const u32 fields[][3] = {		/* offset, size, value (5.2.4) */
		{ 0, 8, SECTORS }, { 12, 4, VIRTQ_MAX - 2 }, { 20, 4, 512 },
		{ 36, 4, 0xffffffff }, { 40, 4, 32 }, { 44, 4, 1 }, { 48, 8, 0 },
	};

	for (u32 read_only = 0; read_only < 2; read_only++) {
		struct virtio *v = &b.virtio;

		start_as(read_only);
		CHECK(reg(v, VIRTIO_DEVICE_ID) == 2);
		CHECK(reg(v, VIRTIO_DEVICE_FEATURES) ==
		      (VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | BIT(2) | BIT(6) | BIT(9) |
		       (read_only ? F_RO : F_DISCARD)));
		for (u32 i = 0; i < ARRAY_SIZE(fields); i++) {
			u64 value;

			virtio_access(v, VIRTIO_CONFIG + fields[i][0], fields[i][1], false, &value);
			CHECK(value == fields[i][2]);
		}
	}
}

static void reading(void)
{
	for (u32 sector = 0; sector < SECTORS; sector++) {
		for (u32 count = 0; sector + count <= SECTORS; count++) {
			start();
			CHECK(request(IN, sector, count * 512) == OK);
			CHECK(last_size(0) == count * 512 + 1);
			CHECK(!memcmp(guest + (PAYLOAD - BASE), disk + sector * 512, count * 512));
			CHECK(get(PAYLOAD + count * 512, 1) == 0 && disk_is_as_before());
		}
	}
}

static void writing(void)
{
	for (u32 sector = 0; sector < SECTORS; sector++) {
		for (u32 count = 0; sector + count <= SECTORS; count++) {
			start();
			for (u32 i = 0; i < count * 512; i++)
				put(PAYLOAD + i, ~byte_of(sector * 512 + i), 1);
			CHECK(request(OUT, sector, count * 512) == OK && last_size(0) == 1);
			for (u64 i = 0; i < sizeof(disk); i++) {
				bool in = i / 512 >= sector && i / 512 < sector + count;

				CHECK(disk[i] == (u8)(in ? ~byte_of(i) : byte_of(i)));
			}
		}
	}
}

/* What is not on the disk, in part or at all, or not whole sectors. */
static void beyond(void)
{
	static const struct { u64 sector; u32 size; } bad[] = {
		{ SECTORS, 512 }, { SECTORS - 1, 1024 }, { 0, SECTORS * 512 + 512 },
		{ SECTORS + 1, 0 }, { UINT64_MAX, 512 }, { UINT64_MAX, 0 },
		{ BIT(55), 512 },		/* times 512 that is 0 */
		{ BIT(55) + 1, 512 }, { BIT(63), 512 }, { BIT(32), 512 }, { UINT64_MAX - 1, 1024 },
		{ 0, 1 }, { 0, 511 }, { 0, 513 }, { 15, 513 }, { 1, 1023 },
	};

	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		start();
		CHECK(request(IN, bad[i].sector, bad[i].size) == IOERR);
		CHECK(request(OUT, bad[i].sector, bad[i].size) == IOERR && last_size(0) == 1);
		for (u32 at = 0; at < 0x3000; at++)
			CHECK(get(PAYLOAD + at, 1) == 0);
		CHECK(disk_is_as_before() && reg(&b.virtio, VIRTIO_STATUS) == 0x0f);
	}
	CHECK(request(IN, SECTORS, 0) == OK);
}

static void other_types(void)
{
	start();
	CHECK(request(FLUSH, 0, 0) == OK && last_size(0) == 1);
	CHECK(request(FLUSH, UINT64_MAX, 0) == OK);
	for (u32 type = 0; type < 300; type++)
		if (type > DISCARD || (type > OUT && type != FLUSH && type != GET_ID &&
				       type != DISCARD))
			CHECK(request(type, 0, 512) == UNSUPP && last_size(0) == 1);
	CHECK(request(0x80000000, 0, 512) == UNSUPP && request(UINT32_MAX, 0, 0) == UNSUPP);
	CHECK(request(0x100, 0, 512) == UNSUPP && disk_is_as_before());
}

static void names(void)
{
	for (u32 size = 0; size < 40; size++) {
		u32 fits = size < VBLK_ID_SIZE ? size : VBLK_ID_SIZE;

		start();
		CHECK(request(GET_ID, 0, size) == OK);
		CHECK(!memcmp(guest + (PAYLOAD - BASE), "nestling-disk-number", fits));
		CHECK(get(PAYLOAD + fits, 1) == 0);
	}
}

/* The `n`th range of a discard. */
static void range(u32 n, u64 sector, u32 sectors, u32 flags)
{
	put(PAYLOAD + n * 16, sector, 8);
	put(PAYLOAD + n * 16 + 8, sectors, 4);
	put(PAYLOAD + n * 16 + 12, flags, 4);
}

static void discarding(void)
{
	start();
	range(0, 3, 2, 0);
	range(1, 15, 1, 0);
	range(2, 16, 0, 0);
	CHECK(request(DISCARD, 0, 48) == OK && last_size(0) == 1);
	for (u64 i = 0; i < sizeof(disk); i++) {
		u64 sector = i / 512;

		CHECK(disk[i] == (sector == 3 || sector == 4 || sector == 15 ? 0 : byte_of(i)));
	}
	start();
	for (u32 i = 0; i < 33; i++)
		range(i, i % SECTORS, 1, 0);
	CHECK(request(DISCARD, 0, 33 * 16) == IOERR && request(DISCARD, 0, 0) == IOERR);
	CHECK(request(DISCARD, 0, 15) == IOERR && request(DISCARD, 0, 17) == IOERR);
	range(31, 15, 2, 0);			/* the last is bad: none is done */
	CHECK(request(DISCARD, 0, 512) == IOERR);
	range(31, UINT64_MAX, 2, 0);
	CHECK(request(DISCARD, 0, 512) == IOERR);
	range(31, 0, UINT32_MAX, 0);
	CHECK(request(DISCARD, 0, 512) == IOERR);
	range(31, BIT(55), 1, 0);
	CHECK(request(DISCARD, 0, 512) == IOERR);
	range(31, 15, 1, 1);			/* unmap: not of a discard (5.2.6.2) */
	CHECK(request(DISCARD, 0, 512) == UNSUPP && disk_is_as_before());
	range(31, 15, 1, 0);
	CHECK(request(DISCARD, 0, 512) == OK);
	for (u64 i = 0; i < sizeof(disk); i++)
		CHECK(!disk[i]);
}

static void read_only(void)
{
	start_as(true);
	range(0, 0, 1, 0);
	CHECK(request(OUT, 0, 512) == IOERR && request(DISCARD, 0, 16) == IOERR);
	CHECK(disk_is_as_before());
	CHECK(request(IN, 2, 512) == OK && request(FLUSH, 0, 0) == OK);
	CHECK(!memcmp(guest + (PAYLOAD - BASE), disk + 1024, 512));
}

/* ---- In pieces ------------------------------------------------------------------------------ */

/* Cut `size` bytes at `at` into up to `most` descriptors, from `i` on. @return the next one */
static u32 cut(u32 i, u32 most, u64 at, u32 size, u32 flags)
{
	for (u32 last = i + most; size; i++) {
		u32 piece = i + 1 == last ? size : 1 + below(below(3) ? size : 9 < size ? 9 : size);

		describe(DESC(0), i, at, piece, flags | F_NEXT, i + 1);
		at += piece;
		size -= piece;
	}
	return i;
}

/* Header, data and status run on from one buffer to the next, wherever these are cut. */
static void pieces(void)
{
	for (u32 round = 0; round < 2000; round++) {
		bool in = below(2);
		u32 sector = below(SECTORS), count = 1 + below(SECTORS - sector);
		u32 bytes = count * 512, n;

		start();
		header(DATA, in ? IN : OUT, sector);
		for (u32 i = 0; i < bytes && !in; i++)
			put(DATA + 16 + i, ~byte_of(sector * 512 + i), 1);
		n = cut(0, 20, DATA, 16 + (in ? 0 : bytes), 0);
		n = cut(n, 20, DATA + 0x3000, (in ? bytes : 0) + 1, F_WRITE);
		put(DESC(0) + (n - 1) * 16 + 12, F_WRITE, 2);
		put(DATA + 0x3000 + (in ? bytes : 0), 0xee, 1);
		offer(0, 0);
		memset(reads, 0, sizeof(reads));
		notify_queue(&b.virtio, 0);
		CHECK(used_idx(0) == 1 && last_size(0) == (in ? bytes + 1 : 1));
		CHECK(get(DATA + 0x3000 + (in ? bytes : 0), 1) == OK);
		CHECK(most_reads(DESC(0), 64 * 16) == 1 && most_reads(DATA, 0x3000) == 1);
		CHECK(!most_reads(DATA + 0x3000, 0x2000));	/* that is not to be read */
		CHECK(!in || !memcmp(guest + (DATA - BASE) + 0x3000, disk + sector * 512, bytes));
		for (u32 i = 0; i < bytes; i++)
			CHECK(disk[sector * 512 + i] ==
			      (u8)(in ? byte_of(sector * 512 + i) : ~byte_of(sector * 512 + i)));
	}
}

/* Several requests at one notification; one interrupt. */
static void batch(void)
{
	start();
	for (u32 i = 0; i < 16; i++) {
		header(HEADER + i * 16, IN, i);
		describe(DESC(0), i * 3, HEADER + i * 16, 16, F_NEXT, i * 3 + 1);
		describe(DESC(0), i * 3 + 1, PAYLOAD + i * 512, 512, F_NEXT | F_WRITE, i * 3 + 2);
		describe(DESC(0), i * 3 + 2, END - 32 + i, 1, F_WRITE, 0);
		put(END - 32 + i, 0xee, 1);
		offer(0, (u16)(i * 3));
	}
	notify_queue(&b.virtio, 0);
	CHECK(used_idx(0) == 16 && last_head(0) == 45);
	CHECK(!memcmp(guest + (PAYLOAD - BASE), disk, sizeof(disk)));
	CHECK(get(END - 32, 8) == 0 && get(END - 24, 8) == 0);
	CHECK(reg(&b.virtio, VIRTIO_INTERRUPT_STATUS) == VIRTIO_I_QUEUE);
}

int main(void)
{
	configuration();
	reading();
	writing();
	beyond();
	other_types();
	names();
	discarding();
	read_only();
	pieces();
	batch();
	return UNIT_END();
}
