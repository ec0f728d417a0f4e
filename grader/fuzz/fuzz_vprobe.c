/*
 * fuzz: Uses the probe's memory, stream and ports. Its memory has what was written last, whatever
 *       the sizes; a second probe that gets the same as single bytes reads the same from stream and
 *       memory, but has another sum, as has one that misses an access.
 * covers: dev/vprobe.c
 * size: 256
 */
#include "dev/vprobe.h"
#include "fuzz.h"

static struct vprobe one, bytes;
static u8 memory[VPROBE_MEMORY_SIZE];

static u32 sum_of(struct vprobe *p, u16 port)
{
	u32 sum = 0;

	vprobe_port(p, port, 4, true, &sum);
	return sum;
}

/* To read the sum is no access: it stays. */
static u64 sum(struct vprobe *p)
{
	u64 high = sum_of(p, VPROBE_SUM_HIGH), low = sum_of(p, VPROBE_SUM);

	MUST(low == sum_of(p, VPROBE_SUM) && low == (u32)(high << 32 | low));
	for (u16 i = 0; i < 8; i++)
		MUST((sum_of(p, VPROBE_SUM + i) & 0xff) == ((high << 32 | low) >> 8 * i & 0xff));
	return high << 32 | low;
}

static void use_memory(u64 offset, u32 size, bool write, u64 value)
{
	u64 v = write ? value : UINT64_MAX;

	vprobe_memory(&one, offset, size, write, &v);
	for (u32 i = 0; i < size; i++) {
		if (write)
			memory[offset + i] = (u8)(value >> 8 * i);
		MUST((u8)(v >> 8 * i) == memory[offset + i]);
	}
	MUST(size == 8 || v < BIT(8 * size));
}

/* Port numbers below VPROBE_SEED are in the stream, as well. */
static void access_one(struct vprobe *p, bool port, u64 offset, u32 size, bool write, u64 *value)
{
	u32 v = (u32)*value;

	if (!port) {
		vprobe_stream(p, offset, size, write, value);
		return;
	}
	vprobe_port(p, (u16)offset, (u8)size, !write, &v);
	*value = v;
}

static void use_stream(bool port, u64 offset, u32 size, bool write, u64 value)
{
	u64 v = value, before = sum(&one), byte;
	struct vprobe other = one;

	access_one(&one, port, offset, size, write, &v);
	for (u32 i = 0; i < size; i++) {
		byte = write ? (u8)(value >> 8 * i) : 0;
		access_one(&bytes, port, port ? offset : offset + i, 1, write, &byte);
		MUST((u8)byte == (u8)((write ? value : v) >> 8 * i));
	}
	/* What is above is to be cut off; of a read of memory it is all ones. */
	MUST(size == 8 || v >> 8 * size == (port || write ? 0 : UINT64_MAX >> 8 * size));
	MUST(sum(&one) != before && one.next == bytes.next);
	MUST((sum(&one) == sum(&bytes)) == (size == 1));
	bytes.sum = one.sum;

	/* At another place it is another access. */
	access_one(&other, !port, port ? offset : offset % VPROBE_SEED, size % 8 ? size : 4, write,
		   &value);
	MUST(other.sum != one.sum);
}

static void seed(u32 value)
{
	vprobe_port(&one, VPROBE_SEED, 4, false, &value);
	vprobe_port(&bytes, VPROBE_SUM_HIGH, 4, false, &value);
	MUST(sum(&one) == value && sum(&bytes) == value);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, data + size };

	memset(&one, 0, sizeof(one));
	memset(&bytes, 0, sizeof(bytes));
	memset(memory, 0, sizeof(memory));
	while (input_left(&in)) {
		u32 what = input_below(&in, 9), bytes_now = 1u << input_below(&in, 4);
		bool write = what & 1;
		u64 offset = input_take(&in, 2), value;

		if (what / 2 == 2)
			bytes_now = bytes_now == 8 ? 4 : bytes_now;	/* ports */
		value = write ? input_take(&in, bytes_now) : 0;
		if (what == 8)
			seed((u32)input_take(&in, 4));
		else if (what / 2 == 2)
			use_stream(true, offset % VPROBE_SEED, bytes_now, write, value);
		else if (what / 2 == 3)
			use_stream(false, offset % (VPROBE_STREAM_SIZE - bytes_now + 1), bytes_now,
				   write, value);
		else
			use_memory(offset % (VPROBE_MEMORY_SIZE - bytes_now + 1), bytes_now, write,
				   value);
	}
	return 0;
}
