/*
 * One of several machines at a switch: sends frames, waits for as many of each other one, and tells
 * what came. Takes interrupts. Arguments: how many machines there are; how many frames to send.
 *
 * A frame's payload begins with its number; the rest are numbers that its sender makes of it. Each
 * machine first says hello to all, until it has heard from all.
 */
#include "virtio.h"
#include "idt64.h"

#define MACHINES	8	/* at most */
#define BUFFERS		32
#define SIZE		(12 + 1514)
#define VECTOR		0x20
#define IRQ		11
#define HELLO		0xffffffffu

static struct queue receiving, sending;
static u8 in[BUFFERS][SIZE], out[SIZE];
static u32 heard[MACHINES + 1], got[MACHINES + 1], wrong, interrupts;
static u8 me;

__attribute__((interrupt)) static void on_frame(struct interrupt_frame *f)
{
	u64 device = VIRTIO_SLOT(SLOT_NET);

	interrupts++;
	virtio_set(device, V_INTERRUPT_ACK, virtio_get(device, V_INTERRUPT_STATUS));
	outb(0xa0, 0x20);
	outb(0x20, 0x20);
}

static void pic_init(void)
{
	static const u8 writes[][2] = {
		{ 0x20, 0x11 }, { 0x21, VECTOR }, { 0x21, 4 }, { 0x21, 1 }, { 0x21, 0xfb },
		{ 0xa0, 0x11 }, { 0xa1, VECTOR + 8 }, { 0xa1, 2 }, { 0xa1, 1 },
		{ 0xa1, 0xff & ~(1 << (IRQ - 8)) },
	};

	for (u32 i = 0; i < sizeof(writes) / sizeof(writes[0]); i++)
		outb(writes[i][0], writes[i][1]);
}

static void offer(u32 i)
{
	queue_put(&receiving, queue_fill(&receiving, in[i], SIZE, D_WRITE));
}

static u32 size_of(u32 number)
{
	return number == HELLO ? 60 : 60 + number * 97 % 1455;
}

static u8 byte_of(u8 sender, u32 number, u32 at)
{
	return (u8)(sender * 31 + number * 7 + at);
}

static void send(u8 to, u32 number)
{
	u32 size = size_of(number);
	u8 *frame = out + 12;
	u16 head;

	for (u32 i = 0; i < 6; i++)
		frame[i] = to ? (u8[]){ 2, 0, 0, 0, 0, to }[i] : 0xff;
	for (u32 i = 0; i < 6; i++)
		frame[6 + i] = (u8[]){ 2, 0, 0, 0, 0, me }[i];
	frame[12] = 0x88;		/* local experiments: IEEE 802, 9.2.4 */
	frame[13] = 0xb5;
	for (u32 i = 18; i < size; i++)
		frame[i] = byte_of(me, number, i);
	*(u32 *)(frame + 14) = number;
	head = queue_fill(&sending, out, 12, D_NEXT);
	queue_fill(&sending, frame, size, 0);
	queue_put(&sending, head);
	queue_kick(&sending);
	queue_take(&sending, &head);
}

static void look_at(const u8 *frame, u32 size)
{
	u8 sender = frame[11];
	u32 number = *(const u32 *)(frame + 14);

	if (sender == me || sender > MACHINES) {
		wrong++;
		return;
	}
	heard[sender] = 1;
	if (number == HELLO)
		return;
	wrong += size != size_of(number) || number != got[sender] || frame[5] != me;
	for (u32 i = 18; i < size; i++)
		wrong += frame[i] != byte_of(sender, number, i);
	got[sender]++;
}

static void take_frames(void)
{
	u16 head;

	while (queue_has(&receiving)) {
		u32 size = queue_take(&receiving, &head) - 12;

		look_at((u8 *)receiving.desc[head].addr + 12, size);
		queue_put(&receiving, head);
	}
	queue_kick(&receiving);
}

/* Sleep until a frame comes, if there is none. */
static void wait_for_frames(void)
{
	asm volatile("cli" : : : "memory");
	receiving.avail.used_event = receiving.seen;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (queue_has(&receiving))
		asm volatile("sti" : : : "memory");
	else
		asm volatile("sti; hlt" : : : "memory");
	take_frames();
}

static u32 count(const u32 *of, u32 machines, u32 at_least)
{
	u32 n = 0;

	for (u32 i = 1; i <= machines; i++)
		n += i != me && of[i] >= at_least;
	return n;
}

int main(u64 machines, u64 frames);
int main(u64 machines, u64 frames)
{
	u64 device = VIRTIO_SLOT(SLOT_NET), sum = 0;
	u64 features = virtio_begin(device, F_VERSION_1 | F_EVENT_IDX | 1 << 5);

	me = (u8)(virtio_get(device, V_CONFIG + 4) >> 8);
	idt_set(VECTOR + IRQ, on_frame);
	tables_load();
	pic_init();
	virtio_queue(&receiving, device, 0, features);
	virtio_queue(&sending, device, 1, features);
	for (u32 i = 0; i < BUFFERS; i++)
		offer(i);
	sending.avail.used_event = 0xffff;	/* we wait for these without an interrupt */
	virtio_go(device);
	send(0, HELLO);
	while (count(heard, (u32)machines, 1) < machines - 1)
		wait_for_frames();
	send(0, HELLO);				/* who came late has not heard the first one */
	for (u32 n = 0; n < frames; n++) {
		for (u8 to = 1; to <= machines; to++) {
			if (to != me)
				send(to, n);
		}
		take_frames();
	}
	while (count(got, (u32)machines, (u32)frames) < machines - 1)
		wait_for_frames();
	for (u32 i = 1; i <= machines; i++)
		sum += got[i];
	observe("got", sum);
	observe("wrong", wrong);
	observe("interrupted", interrupts > 0);
	return 0;
}
