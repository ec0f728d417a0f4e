/*
 * Writes to a virtio disk, reads it again, and tells what it saw. Arguments: a seed; how many
 * sectors. Sector n is filled with numbers that begin with the seed + n.
 */
#include "virtio.h"

#define SECTOR	512
#define BATCH	8		/* requests at a time: each takes three descriptors */

enum { T_IN, T_OUT, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11 };

static struct queue q;
static struct header {
	u32 type, reserved;
	u64 sector;
} header[BATCH];
static u64 data[BATCH][SECTOR / 8];
static u8 status[BATCH];
static u64 sum;			/* of all that was read */
static u32 failed;		/* requests */

static void put_request(u32 i, u32 type, u64 sector, u32 size)
{
	u16 head;

	header[i] = (struct header){ type, 0, sector };
	status[i] = 0xff;
	head = queue_fill(&q, &header[i], sizeof(header[i]), D_NEXT);
	if (size)
		queue_fill(&q, data[i], size, type == T_OUT || type == T_DISCARD ? D_NEXT :
			   D_NEXT | D_WRITE);
	queue_fill(&q, &status[i], 1, D_WRITE);
	queue_put(&q, head);
}

static void wait_for(u32 count)
{
	u16 head;

	queue_kick(&q);
	for (u32 i = 0; i < count; i++)
		queue_take(&q, &head);
	for (u32 i = 0; i < count; i++)
		failed += status[i] != 0;
}

static void fill(u32 i, u64 first)
{
	for (u32 j = 0; j < SECTOR / 8; j++)
		data[i][j] = first + j * 0x9e3779b97f4a7c15;
}

static void write_all(u64 seed, u64 sectors)
{
	for (u64 at = 0; at < sectors; at += BATCH) {
		u32 n = sectors - at < BATCH ? (u32)(sectors - at) : BATCH;

		for (u32 i = 0; i < n; i++) {
			fill(i, seed + at + i);
			put_request(i, T_OUT, at + i, SECTOR);
		}
		wait_for(n);
	}
}

static void read_all(u64 sectors)
{
	sum = 0;
	for (u64 at = 0; at < sectors; at += BATCH) {
		u32 n = sectors - at < BATCH ? (u32)(sectors - at) : BATCH;

		for (u32 i = 0; i < n; i++)
			put_request(i, T_IN, at + i, SECTOR);
		wait_for(n);
		for (u32 i = 0; i < n; i++)
			for (u32 j = 0; j < SECTOR / 8; j++)
				sum = (sum ^ data[i][j]) * 0x100000001b3;
	}
}

static u8 request(u32 type, u64 sector, u32 size)
{
	put_request(0, type, sector, size);
	wait_for(1);
	return status[0];
}

int main(u64 seed, u64 sectors);
int main(u64 seed, u64 sectors)
{
	u64 device = VIRTIO_SLOT(SLOT_DISK), features;

	features = virtio_begin(device, F_VERSION_1 | F_EVENT_IDX | F_INDIRECT_DESC | 1 << 9);
	if (!features)
		return 1;
	virtio_queue(&q, device, 0, features);
	virtio_go(device);
	observe("capacity", virtio_get(device, V_CONFIG));

	read_all(sectors);
	observe("before", sum);
	write_all(seed, sectors);
	observe("flush", request(T_FLUSH, 0, 0));
	read_all(sectors);
	observe("after", sum);
	observe("failed", failed);

	observe("id", request(T_GET_ID, 0, 20));
	((char *)data)[20] = '\0';
	put_text((const char *)data);
	put_char('\n');
	data[0][0] = 1;			/* from sector 1 on ... */
	data[0][1] = 2;			/* ... two of them */
	observe("discard", request(T_DISCARD, 0, 16));
	read_all(sectors);
	observe("discarded", sum);
	observe("beyond", request(T_IN, virtio_get(device, V_CONFIG), SECTOR));
	observe("unknown", request(99, 0, SECTOR));
	observe("status", virtio_get(device, V_STATUS));
	return 0;
}
