/*
 * Prints through a virtio console, and fetches random bytes. The first line says whether they seem
 * to be. Argument: a number to print.
 */
#include "virtio.h"

static struct queue sending, asking;
static char text[128];
static u64 words[8];

static u32 hex(char *to, u64 value)
{
	for (u32 i = 0; i < 16; i++)
		to[i] = "0123456789abcdef"[value >> (60 - 4 * i) & 15];
	return 16;
}

/* In two buffers, of which the first one has a single byte. */
static void print(u32 size)
{
	u16 head = queue_fill(&sending, text, 1, D_NEXT);

	queue_fill(&sending, text + 1, size - 1, 0);
	queue_put(&sending, head);
	queue_kick(&sending);
	queue_take(&sending, &head);
}

/* @return how many of the words differ from the one before; 99: too few bytes came */
static u32 try_random(void)
{
	u64 device = VIRTIO_SLOT(SLOT_ENTROPY), features = virtio_begin(device, F_VERSION_1);
	u32 differ = 0;
	u16 head;

	virtio_queue(&asking, device, 0, features);
	virtio_go(device);
	head = queue_fill(&asking, words, sizeof(words), D_WRITE);
	queue_put(&asking, head);
	queue_kick(&asking);
	if (queue_take(&asking, &head) != sizeof(words))
		return 99;
	for (u32 i = 1; i < 8; i++)
		differ += words[i] != words[i - 1];
	return differ;
}

int main(u64 number, u64 unused);
int main(u64 number, u64 unused)
{
	u64 device = VIRTIO_SLOT(SLOT_CONSOLE);
	u64 features = virtio_begin(device, F_VERSION_1 | F_EVENT_IDX | 1 << 2);
	u32 n = 0;

	virtio_queue(&sending, device, 1, features);
	virtio_go(device);
	virtio_set(device, V_CONFIG + 8, 'E');		/* without a queue */
	for (const char *c = "cho=0x"; *c; c++)
		text[n++] = *c;
	n += hex(text + n, number);
	text[n++] = '\n';
	print(n);
	observe("differ", try_random());
	return 0;
}
