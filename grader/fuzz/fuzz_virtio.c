/*
 * fuzz: Is the driver of a virtio device: a disk, a console, a network card at a switch, or random
 *       numbers. Its status goes up step by step; while it is not live it leaves memory alone; its
 *       line goes down only if somebody can see it; a disk that is read-only stays as it is.
 * covers: dev/virtio.c dev/vblk.c dev/vconsole.c dev/ventropy.c dev/vnet.c dev/vswitch.c
 * size: 768
 */
#include "dev/vblk.h"
#include "dev/vconsole.h"
#include "dev/ventropy.h"
#include "dev/vnet.h"
#include "fuzz.h"
#include "lib/errno.h"

#define BASE	0x10000ull
#define SIZE	0x2000u
#define QUEUE	0x800u			/* of memory for each queue */
#define DATA	0x1000u
#define NUM	8

enum kind { BLOCK, CONSOLE, NET, ENTROPY, KINDS };

static u8 memory[SIZE];
static u32 accesses;
static u8 disk[4 * VBLK_SECTOR], disk_before[sizeof(disk)];
static struct vblk block;
static struct vconsole console;
static struct vnet net;
static struct ventropy entropy;
static struct vswitch wires;
static struct virtio *v;
static u32 arrived;			/* frames at the switch's other ports */

static int mem_access(u64 gpa, u64 size)
{
	accesses++;
	MUST(size);
	return gpa < BASE || gpa - BASE > SIZE || size > SIZE - (gpa - BASE) ? -EFAULT : 0;
}

static int mem_read(void *ctx, u64 gpa, void *buf, u64 size)
{
	int err = mem_access(gpa, size);

	if (!err)
		memcpy(buf, memory + (gpa - BASE), size);
	return err;
}

static int mem_write(void *ctx, u64 gpa, const void *buf, u64 size)
{
	int err = mem_access(gpa, size);

	if (!err)
		memcpy(memory + (gpa - BASE), buf, size);
	return err;
}

static void send_text(void *ctx, const char *text, u64 size)
{
	MUST(size);
}

static u64 random_bits(void *ctx)
{
	return 0x0123456789abcdef;
}

static void arrive(void *ctx, const u8 *frame, u32 size)
{
	MUST(size >= ETH_MIN && size <= ETH_MAX && !(frame[ETH_ADDRESS] & 1));
	arrived++;
}

static void arrive_net(void *ctx, const u8 *frame, u32 size)
{
	u64 before = net.received + net.lost;

	vnet_receive(&net, frame, size);
	MUST(net.received + net.lost == before + 1);
}

static void send_frame(void *ctx, const u8 *frame, u32 size)
{
	u64 before = net.received + net.lost;

	MUST(size >= ETH_MIN && size <= ETH_MAX);
	vswitch_send(&wires, 0, frame, size);
	MUST(net.received + net.lost == before);	/* never back to where it came from */
}

static void start(enum kind kind, bool read_only)
{
	static const struct virt_memory mem = { mem_read, mem_write, NULL };

	memset(memory, 0, sizeof(memory));
	for (u32 i = 0; i < sizeof(disk); i++)
		disk[i] = disk_before[i] = (u8)i;
	block = (struct vblk){ .disk = disk, .sectors = 4, .read_only = read_only, .id = "disk" };
	console = (struct vconsole){ .send = send_text };
	net = (struct vnet){ .send = send_frame, .address = { 2, 0, 0, 0, 0, 1 } };
	entropy = (struct ventropy){ .random = random_bits };
	memset(&wires, 0, sizeof(wires));
	MUST(vswitch_plug(&wires, arrive_net, NULL) == 0);
	for (int i = 1; i < 4; i++)
		MUST(vswitch_plug(&wires, arrive, NULL) == i);
	vblk_init(&block, &mem);
	vconsole_init(&console, &mem);
	vnet_init(&net, &mem);
	ventropy_init(&entropy, &mem);
	v = kind == BLOCK ? &block.virtio : kind == CONSOLE ? &console.virtio :
	    kind == NET ? &net.virtio : &entropy.virtio;
}

/* ---- What must be true all the time ---------------------------------------------------------- */

static void check(void)
{
	static const u32 steps[] = { VIRTIO_S_ACKNOWLEDGE, VIRTIO_S_DRIVER, VIRTIO_S_FEATURES_OK,
				     VIRTIO_S_DRIVER_OK };

	for (u32 i = 1; i < ARRAY_SIZE(steps); i++)
		MUST(!(v->status & steps[i]) || v->status & steps[i - 1]);
	MUST(!(v->status & VIRTIO_S_FEATURES_OK) || virtio_has(v, VIRTIO_F_VERSION_1));
	MUST(!(v->status & VIRTIO_S_NEEDS_RESET) || !virtio_is_live(v));
	MUST(virtio_irq(v) == (v->interrupt != 0) && v->interrupt <= 3);
	MUST(!virtio_irq(v) || v->status & VIRTIO_S_DRIVER_OK);
	for (u32 i = 0; i < VIRTIO_MAX_QUEUES; i++) {
		const struct virtq *q = &v->queue[i];

		MUST(!q->ready || (virtq_is_sane(q) && v->status & VIRTIO_S_FEATURES_OK));
		MUST(!q->ready || i < v->kind->queues);
		MUST((u16)(q->seen_avail - q->next_avail) <= q->num);
		MUST(!q->ready || q->indirect == virtio_has(v, VIRTIO_F_INDIRECT_DESC));
		MUST(!q->ready || q->event_idx == virtio_has(v, VIRTIO_F_EVENT_IDX));
	}
	MUST(!block.read_only || !memcmp(disk, disk_before, sizeof(disk)));
	MUST(console.count <= VCONSOLE_TYPED && console.first < VCONSOLE_TYPED);
	MUST(wires.oldest < VSWITCH_LEARNED);
}

static void access_register(u32 offset, u32 size, bool write, u64 value)
{
	bool live = virtio_is_live(v), up = virtio_irq(v);
	u64 answer = write ? value : UINT64_MAX;

	accesses = 0;
	virtio_access(v, offset, size, write, &answer);
	MUST(!accesses || (live && write && offset == VIRTIO_QUEUE_NOTIFY));
	MUST(write || size == 8 || answer < BIT(8 * size));
	MUST(!up || virtio_irq(v) || virtio_irq_fell(v));
	if (write && offset == VIRTIO_STATUS && size == 4 && !(u32)value)
		MUST(!v->status && !v->interrupt && !v->queue[0].ready && !v->queue[1].ready);
}

static void set(u32 offset, u64 value)
{
	access_register(offset, 4, true, value);
}

/* ---- The driver ------------------------------------------------------------------------------ */

static void put(u32 at, u64 value, u32 size)
{
	if (at <= SIZE - size)
		memcpy(memory + at, &value, size);
}

static void bring_up(u32 how)
{
	u32 low = (how & 1 ? VIRTIO_F_INDIRECT_DESC : 0) | (how & 2 ? VIRTIO_F_EVENT_IDX : 0);

	set(VIRTIO_STATUS, 0);
	set(VIRTIO_STATUS, 1);
	set(VIRTIO_STATUS, 3);
	set(VIRTIO_DRIVER_FEATURES, low);
	set(VIRTIO_DRIVER_FEATURES_SEL, 1);
	set(VIRTIO_DRIVER_FEATURES, 1);
	set(VIRTIO_STATUS, 11);
	for (u32 i = 0; i < VIRTIO_MAX_QUEUES; i++) {
		set(VIRTIO_QUEUE_SEL, i);
		set(VIRTIO_QUEUE_NUM, NUM);
		set(VIRTIO_QUEUE_DESC, BASE + i * QUEUE);
		set(VIRTIO_QUEUE_DRIVER, BASE + i * QUEUE + 0x400);
		set(VIRTIO_QUEUE_DEVICE, BASE + i * QUEUE + 0x600);
		set(VIRTIO_QUEUE_READY, !(how & 4 << i));
		memset(memory + i * QUEUE, 0, QUEUE);
	}
	set(VIRTIO_STATUS, 15);
	MUST(virtio_is_live(v));
}

static void offer(u32 queue, u16 head)
{
	u32 avail = queue * QUEUE + 0x400;
	u16 idx;

	memcpy(&idx, memory + avail + 2, 2);
	put(avail + 4 + idx % NUM * 2, head, 2);
	put(avail + 2, idx + 1u, 2);
}

/* A chain of `readable` and `writable` buffers, of sizes from the input. */
static void chain(struct input *in, u32 queue)
{
	u32 how = input_below(in, 32), readable = how & 3, count = readable + (how >> 2 & 3);
	u32 at = BASE + DATA;

	for (u32 i = 0; i < count; i++) {
		u32 size = input_below(in, 256), desc = queue * QUEUE + i * 16;

		size = size < 64 ? size : size < 128 ? 512 : size * 8;
		put(desc, at, 8);
		put(desc + 8, size, 4);
		put(desc + 12, (i < readable ? 0 : VIRTQ_DESC_F_WRITE) |
			       (i < count - 1 ? VIRTQ_DESC_F_NEXT : 0), 2);
		put(desc + 14, i + 1, 2);
		at += size;
	}
	offer(queue, 0);
	if (how & 16)
		set(VIRTIO_QUEUE_NOTIFY, queue);
}

/* A request for the disk, whose payload is whole sectors. */
static void request(struct input *in)
{
	static const u8 types[] = { 0, 1, 4, 8, 11, 0, 1, 11 };
	u32 how = (u32)input_take(in, 1), type = types[how & 7], sector = how >> 3 & 7;
	bool reads = type == 0 || type == 8;
	u32 size = type == 11 ? 16 + how / 64 * 16 : type == 8 ? 20 : (how / 64 + 1) * 512;

	put(DATA, how == 0xff ? input_take(in, 4) : type, 4);
	put(DATA + 8, sector == 7 ? input_take(in, 8) : sector, 8);
	put(DATA + 16, sector, 8);		/* of a range to discard */
	put(DATA + 24, 1, 8);
	put(0, BASE + DATA, 8);
	put(8, 16, 4);
	put(12, VIRTQ_DESC_F_NEXT | 1 << 16, 4);
	put(16, BASE + DATA + 16, 8);
	put(24, size, 4);
	put(28, VIRTQ_DESC_F_NEXT | (reads ? VIRTQ_DESC_F_WRITE : 0) | 2 << 16, 4);
	put(32, BASE + SIZE - 1, 8);
	put(40, 1, 4);
	put(44, VIRTQ_DESC_F_WRITE, 4);
	offer(0, 0);
}

static void type_text(u32 count, u8 character)
{
	bool live = virtio_is_live(&console.virtio);
	u32 before = console.count, room = vconsole_room(&console), typed = 0;

	for (u32 i = 0; i < count; i++)
		typed += vconsole_receive(&console, character);
	accesses = 0;
	MUST(typed == (count < room ? count : room) && console.count == before + typed);
	virtio_wake(&console.virtio, 0);
	MUST(!accesses || live);
	MUST(console.count <= before + typed);
}

static void frame_comes(struct input *in)
{
	static u8 frame[ETH_MAX + 1];
	u32 how = (u32)input_take(in, 1), size = how < 200 ? how : ETH_MAX + 1 - (how - 200) * 4;
	u32 port = 1 + how % 3;
	bool live = virtio_is_live(&net.virtio);

	memset(frame, 0, sizeof(frame));
	frame[0] = (u8)input_take(in, 1);
	frame[ETH_ADDRESS] = (u8)input_take(in, 1);
	arrived = accesses = 0;
	vswitch_send(&wires, port, frame, size);
	MUST(arrived <= 2 && (!accesses || live));
	if (how == 77)
		vswitch_unplug(&wires, port);
}

/* ---- Steps ----------------------------------------------------------------------------------- */

static void step(struct input *in)
{
	u32 what = input_below(in, 13), offset, how;

	switch (what) {
	case 0: case 1:
		offset = input_below(in, 72) * 4;
		access_register(offset, 4, what, input_take(in, what ? 4 : 0));
		break;
	case 2:
		how = (u32)input_take(in, 2);
		offset = how % VIRTIO_SIZE;
		how = 1u << how / VIRTIO_SIZE % 4;
		if (offset + how <= VIRTIO_SIZE)
			access_register(offset, how, input_below(in, 2), input_take(in, how));
		break;
	case 3:
		bring_up((u32)input_take(in, 1));
		break;
	case 4: case 5:
		chain(in, what - 4);
		break;
	case 6:
		set(VIRTIO_QUEUE_NOTIFY, input_below(in, 3));
		break;
	case 7:
		request(in);
		set(VIRTIO_QUEUE_NOTIFY, 0);
		break;
	case 8:
		how = (u32)input_take(in, 1);
		type_text(how, (u8)how);
		break;
	case 9:
		frame_comes(in);
		break;
	case 10:
		offset = (u32)input_take(in, 2) % SIZE;
		put(offset, input_take(in, 4), 4);
		break;
	case 11:
		offer(input_below(in, 2), (u16)input_below(in, 10));
		break;
	default:
		how = v->generation;
		virtio_config_changed(v);
		MUST(v->generation == how + 1);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, data + size };
	u32 how = (u32)input_take(&in, 1);

	start(how % KINDS, how & 0x80);
	if (how & 0x40)
		bring_up(how >> 4 & 3);
	while (input_left(&in)) {
		step(&in);
		check();
	}
	return 0;
}
