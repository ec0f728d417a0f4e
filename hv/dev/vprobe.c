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
	if (!write && size < 8)
		*value |= ~0ull << 8 * size;	/* which must not count */
}

static __inlined void copy(u8 *at, u64 *value, u32 size, bool write)
{
	if (write)
		__builtin_memcpy(at, value, size);
	else
		__builtin_memcpy(value, at, size);
}

void vprobe_memory(void *dev, u64 offset, u32 size, bool write, u64 *value)
{
	struct vprobe *p = dev;
	u8 *at = p->memory + offset;

	if (!write)
		*value = 0;
	switch (size) {		/* so that each is one instruction of the host */
	case 1: copy(at, value, 1, write); break;
	case 2: copy(at, value, 2, write); break;
	case 4: copy(at, value, 4, write); break;
	default: copy(at, value, 8, write);
	}
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
