/* See vprobe.h. */
#include "dev/vprobe.h"

#define A_PORT BIT(16)		/* in the place of an access: it was to a port */

/* FNV-1a, with a word for a byte. */
static void note(struct vprobe *p, u64 word)
{
	p->sum = (p->sum ^ word) * 0x100000001b3;
}

/* Knuth's generator, MMIX's constants: only its upper bits are good. */
static u64 next_byte(struct vprobe *p)
{
	p->next = p->next * 6364136223846793005 + 1442695040888963407;
	return p->next >> 56;
}

/* What was written, or is read, is noted behind what it was: place, size, direction. */
static void stream(struct vprobe *p, u64 place, u32 size, bool write, u64 *value)
{
	note(p, place << 8 | size << 1 | write);
	if (!write) {
		*value = 0;
		for (u32 i = 0; i < size; i++)
			*value |= next_byte(p) << 8 * i;
	}
	note(p, *value);
}

void vprobe_stream(void *dev, u64 offset, u32 size, bool write, u64 *value)
{
	stream(dev, offset, size, write, value);
}

void vprobe_memory(void *dev, u64 offset, u32 size, bool write, u64 *value)
{
	struct vprobe *p = dev;
	u64 read = 0;

	for (u32 i = 0; i < size; i++) {
		if (write)
			p->memory[offset + i] = (u8)(*value >> 8 * i);
		read |= (u64)p->memory[offset + i] << 8 * i;
	}
	*value = read;
}

void vprobe_port(void *dev, u16 offset, u8 size, bool in, u32 *value)
{
	struct vprobe *p = dev;
	u64 v = *value;

	if (offset >= VPROBE_SEED && !in) {
		p->next = p->sum = v;
	} else if (offset >= VPROBE_SEED) {
		*value = (u32)(p->sum >> 8 * (offset - VPROBE_SEED));
	} else {
		stream(p, A_PORT | offset, size, !in, &v);
		*value = (u32)v;
	}
}
