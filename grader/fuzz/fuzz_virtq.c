/*
 * fuzz: Is a driver with a virtqueue: fills its memory, and has chains taken out and given back.
 *       What comes out is what a simple model finds in the same memory, or keeps to the rules if
 *       that memory changes all the time; and each chain comes to an end.
 * covers: dev/virtq.c
 * size: 768
 */
#include "dev/virtq.h"
#include "fuzz.h"
#include "lib/errno.h"

#define BASE	0x10000ull
#define SIZE	0x1800u
#define TABLE	(BASE + 0x1000)		/* where indirect ones often are */

struct desc {
	u64 addr;
	u32 len;
	u16 flags, next;
};

static u8 memory[SIZE];
static u32 accesses;
static bool moves;			/* what is read is something else the next moment */

static bool inside(u64 gpa, u64 size)
{
	return gpa >= BASE && gpa - BASE <= SIZE && size <= SIZE - (gpa - BASE);
}

static int mem_read(void *ctx, u64 gpa, void *buf, u64 size)
{
	accesses++;
	if (!inside(gpa, size))
		return -EFAULT;
	memcpy(buf, memory + (gpa - BASE), size);
	for (u64 i = 0; moves && i < size; i++)
		memory[gpa - BASE + i] = (u8)(memory[gpa - BASE + i] * 5 + 1);
	return 0;
}

static int mem_write(void *ctx, u64 gpa, const void *buf, u64 size)
{
	accesses++;
	if (!inside(gpa, size))
		return -EFAULT;
	memcpy(memory + (gpa - BASE), buf, size);
	return 0;
}

static const struct virt_memory mem = { mem_read, mem_write, NULL };

static bool get(u64 gpa, void *value, u64 size)
{
	if (!inside(gpa, size))
		return false;
	memcpy(value, memory + (gpa - BASE), size);
	return true;
}

static void put(u64 gpa, u64 value, u64 size)
{
	if (inside(gpa, size))
		memcpy(memory + (gpa - BASE), &value, size);
}

/* ---- The model: first all descriptors of a chain, then the rules ----------------------------- */

static struct desc list[VIRTQ_MAX + 2];
static u32 listed;

/* @return 1: the chain ends here; 0: it goes on with a table, *d; -1: it is no chain */
static int follow(u64 table, u64 entries, u32 i, u32 most, struct desc *d)
{
	for (; listed <= most; i = d->next) {
		if (i >= entries || !get(table + i * 16ull, d, 16))
			return -1;
		if (d->flags & VIRTQ_DESC_F_INDIRECT)
			return 0;
		list[listed++] = *d;
		if (!(d->flags & VIRTQ_DESC_F_NEXT))
			return 1;
	}
	return -1;
}

static bool is_chain(const struct virtq *q, u16 head)
{
	bool writable = false;
	struct desc d;
	u64 sum = 0;
	int end;

	listed = 0;
	end = follow(q->desc, q->num, head, q->num, &d);
	if (!end && (!q->indirect || d.flags & VIRTQ_DESC_F_NEXT || !d.len || d.len % 16))
		return false;
	if (!end)
		end = follow(d.addr, d.len / 16, 0, q->num, &d);
	if (end != 1 || listed > q->num)
		return false;
	for (u32 i = 0; i < listed; i++) {
		if (!list[i].len || list[i].addr > UINT64_MAX - list[i].len ||
		    (writable && !(list[i].flags & VIRTQ_DESC_F_WRITE)))
			return false;
		writable = list[i].flags & VIRTQ_DESC_F_WRITE;
		sum += list[i].len;
	}
	return sum <= GiB(4);
}

/* Should virtq_pop() find a chain, which is then in `list`? */
static bool has_chain(const struct virtq *q)
{
	u16 idx = q->seen_avail, head;

	if (!q->ready)
		return false;
	if (idx == q->next_avail && !get(q->avail + 2, &idx, 2))
		return false;
	if (idx == q->next_avail || (u16)(idx - q->next_avail) > q->num)
		return false;
	return get(q->avail + 4 + q->next_avail % q->num * 2, &head, 2) && is_chain(q, head);
}

static int wants(const struct virtq *q)
{
	bool is_new = false;
	u16 said = 0;

	if (!q->ready)
		return 0;
	if (!get(q->avail + (q->event_idx ? 4 + q->num * 2 : 0), &said, 2))
		return -EFAULT;
	for (u16 i = q->told_used; i != q->next_used; i++)
		is_new |= q->event_idx ? i == said : !(said & VIRTQ_AVAIL_F_NO_INTERRUPT);
	return is_new;
}

/* ---- What is done ---------------------------------------------------------------------------- */

static void check_chain(const struct virtq *q, const struct virtq_chain *c)
{
	u64 size[2] = { 0, 0 };

	MUST(c->readable + c->writable >= 1 && c->readable + c->writable <= q->num);
	for (u32 i = 0; i < c->readable + c->writable; i++) {
		const struct virtq_buffer *b = &c->buffer[i];

		MUST(b->size && b->gpa + b->size > b->gpa);
		size[i >= c->readable] += b->size;
		MUST(moves || (b->gpa == list[i].addr && b->size == list[i].len));
		MUST(moves || (i >= c->readable) == !!(list[i].flags & VIRTQ_DESC_F_WRITE));
	}
	MUST(moves || c->readable + c->writable == listed);
	MUST(c->head < q->num);
	MUST(size[0] == c->readable_size && size[1] == c->writable_size);
	MUST(size[0] + size[1] <= GiB(4));
}

static bool pop(struct virtq *q, struct virtq_chain *c)
{
	bool has = has_chain(q);
	u16 next = q->next_avail;
	int got;

	accesses = 0;
	got = virtq_pop(q, &mem, c);
	MUST(accesses <= q->num + 4);
	MUST(got <= 1 && (moves || (got == 1) == has));
	MUST(q->next_avail == (u16)(next + (got == 1)));
	if (got == 1)
		check_chain(q, c);
	return got == 1;
}

static void push(struct virtq *q, u16 head, u32 written)
{
	u64 at = q->used + 4 + q->next_used % (q->num ? q->num : 1) * 8, entry;
	u16 next = q->next_used, idx;
	bool fits = inside(at, 8) && inside(q->used + 2, 2);

	MUST((virtq_push(q, &mem, head, written) == 0) == (fits || !q->ready));
	if (!fits || !q->ready)
		return;
	MUST(get(at, &entry, 8) && get(q->used + 2, &idx, 2));
	MUST(idx == (u16)(next + 1) && entry == ((u64)written << 32 | head));
}

/* Pieces of a chain: as long as they are, or an error. */
static void copy(const struct virtq_chain *c, u64 offset, u32 size, bool write)
{
	static u8 buf[256];
	u64 all = write ? c->writable_size : c->readable_size;
	int err = write ? virtq_write(&mem, c, offset, buf, size) :
			  virtq_read(&mem, c, offset, buf, size);

	MUST(err == 0 || err == -EINVAL || err == -EFAULT);
	if (size && (offset > all || size > all - offset))
		MUST(err);
	else
		MUST(err != -EINVAL);
}

static void set_up(struct virtq *q, struct input *in)
{
	u32 how = (u32)input_take(in, 1);

	*q = (struct virtq){ .num = 1u << how % 4, .desc = BASE, .avail = BASE + 0x400,
			     .used = BASE + 0x800, .indirect = how & 16, .event_idx = how & 32 };
	if (how & 64)
		q->num = (u32)input_take(in, 2) % 300;
	if (how & 128) {
		q->desc = BASE + input_take(in, 2) - 0x100;
		q->avail = BASE + input_take(in, 2) - 0x100;
		q->used = input_take(in, 8);
	}
	q->next_avail = q->seen_avail = q->next_used = q->told_used = (u16)-(how & 12);
	put(q->avail + 2, q->next_avail, 2);
	q->ready = virtq_is_sane(q);
	MUST(!q->ready || (q->num && q->num <= VIRTQ_MAX && !(q->num & (q->num - 1))));
}

static void describe(struct input *in)
{
	u32 how = (u32)input_take(in, 1);
	u64 table = how & 0x80 ? TABLE : BASE, at = table + (how & 7) * 16;
	u64 address = how & 0x40 ? input_take(in, 8) : BASE + 0x1100 + input_take(in, 1);
	u64 size = how & 0x20 ? input_take(in, 4) : input_below(in, 32);
	u64 flags = input_take(in, 1);

	if (flags & VIRTQ_DESC_F_INDIRECT && !(how & 0x60)) {
		address = TABLE;
		size *= 16;
	}
	put(at, address, 8);
	put(at + 8, size, 4);
	put(at + 12, flags, 2);
	put(at + 14, flags >> 4, 2);
}

static void offer(const struct virtq *q, u16 head)
{
	u16 idx;

	if (!q->num || !get(q->avail + 2, &idx, 2))
		return;
	put(q->avail + 4 + idx % q->num * 2, head, 2);
	put(q->avail + 2, idx + 1u, 2);
}

/* A chain of buffers that may overlap, or be huge; all, or all but one, in a table. And take it. */
static void build(struct virtq *q, struct virtq_chain *c, struct input *in)
{
	u32 how = (u32)input_take(in, 1), count = 1 + how % 4, readable = how >> 2 & 3;
	u64 table = how & 0x10 ? TABLE : q->desc;
	u32 first = how & 0x20 && table == TABLE ? 1 : 0;	/* in the queue */

	for (u32 i = 0; i < count; i++) {
		u64 at = (i < first ? q->desc : table) + i * 16;

		put(at, BASE + 0x1200 + how * i, 8);
		put(at + 8, how & 0x40 ? 0x7fffffff + i : 1 + i * 5, 4);
		put(at + 12, (i < readable ? 0 : VIRTQ_DESC_F_WRITE) |
			     (i < count - 1 ? VIRTQ_DESC_F_NEXT : 0), 2);
		put(at + 14, i + 1, 2);
	}
	if (table == TABLE) {
		put(q->desc + first * 16, TABLE + first * 16, 8);
		put(q->desc + first * 16 + 8, (4 - first) * 16, 4);
		put(q->desc + first * 16 + 12, VIRTQ_DESC_F_INDIRECT, 2);
		for (u32 i = first; i < count; i++)
			put(TABLE + i * 16 + 14, i + 1 - first, 2);
	}
	offer(q, 0);
	if (how & 0x80 && pop(q, c))
		push(q, c->head, how);
}

static void step(struct virtq *q, struct virtq_chain *c, struct input *in)
{
	u32 what = input_below(in, 12), how;
	int want, got;
	u64 at;

	switch (what) {
	case 0:
		set_up(q, in);
		break;
	case 1: case 2: case 3:
		describe(in);
		break;
	case 4: case 5:
		offer(q, (u16)input_below(in, 10));
		break;
	case 6:
		if (pop(q, c))
			push(q, c->head, (u32)input_take(in, 2));
		break;
	case 7:
		how = input_below(in, 8);
		if (how < 6)
			put(q->avail + 4 + q->num * 2, q->next_used + 2u - how, 2);
		want = wants(q);
		got = virtq_wants_interrupt(q, &mem);
		MUST(moves || got == want);
		break;
	case 8:
		got = virtq_listen(q, &mem);
		MUST(got <= 1 && (q->ready || !got));
		break;
	case 9:
		at = input_take(in, 1);
		copy(c, at / 2 % 64, input_below(in, 64), at & 1);
		break;
	case 10:
		build(q, c, in);
		break;
	default:
		at = BASE + input_take(in, 2) % SIZE;
		put(at, input_take(in, 2), 2);
		moves = at & 1 && at % 16 == 15;
		break;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, data + size };
	static struct virtq_chain c;
	struct virtq q = { .num = 0 };

	memset(memory, 0, sizeof(memory));
	memset(&c, 0, sizeof(c));
	moves = false;
	set_up(&q, &in);
	while (input_left(&in))
		step(&q, &c, &in);
	return 0;
}
