/* See virtq.h. Section numbers are those of virtio 1.2. */
#include "dev/virtq.h"

#include "lib/errno.h"

/* Offsets in the rings (2.7.6, 2.7.8). */
#define AVAIL_FLAGS	0
#define RING_IDX	2
#define RING		4
#define AVAIL_ENTRY	2ull		/* bytes */
#define USED_ENTRY	8ull

struct virtq_desc {			/* 2.7.5 */
	u64 addr;
	u32 len;
	u16 flags;
	u16 next;
};
static_assert(sizeof(struct virtq_desc) == VIRTQ_DESC_SIZE, "2.7.5");

struct virtq_used {			/* 2.7.8 */
	u32 id;
	u32 len;
};
static_assert(sizeof(struct virtq_used) == USED_ENTRY, "2.7.8");

static int read_u16(const struct virt_memory *m, u64 gpa, u16 *value)
{
	*value = 0;
	return m->read(m->ctx, gpa, value, sizeof(*value));
}

static bool part_is_sane(u64 at, u64 size, u64 align)
{
	return at % align == 0 && at + size > at;
}

bool virtq_is_sane(const struct virtq *q)
{
	u32 n = q->num;

	return n && n <= VIRTQ_MAX && !(n & (n - 1)) &&
	       part_is_sane(q->desc, (u64)n * VIRTQ_DESC_SIZE, 16) &&
	       part_is_sane(q->avail, RING + (u64)n * AVAIL_ENTRY + 2, 2) &&
	       part_is_sane(q->used, RING + (u64)n * USED_ENTRY + 2, 4);
}

/*
 * Any access to memory may find that a reset has come meanwhile, which takes `ready` away. What was
 * under way then ends without another one, and the queue stays as the reset has left it.
 */

/* ---- Take ----------------------------------------------------------------------------------- */

/**
 * One more buffer of a chain. Buffers to be written to come behind those to be read (2.7.4.2), none
 * is empty or wraps, all together are at most 4 GiB (2.7.5), and there are at most `most`.
 * @return -EINVAL: a rule is broken
 */
__maybe_unused static int add_buffer(struct virtq_chain *c, const struct virtq_desc *d, u32 most)
{
	u32 n = c->readable + c->writable;
	bool write = d->flags & VIRTQ_DESC_F_WRITE;

	if (n >= most || !d->len || d->addr + d->len < d->addr || (!write && c->writable) ||
	    c->readable_size + c->writable_size + d->len > GiB(4))
		return -EINVAL;
	c->buffer[n] = (struct virtq_buffer){ d->addr, d->len };
	if (write) {
		c->writable++;
		c->writable_size += d->len;
	} else {
		c->readable++;
		c->readable_size += d->len;
	}
	return 0;
}

/**
 * Follow the chain that begins with descriptor `head`: each descriptor is read once, as a whole,
 * and its buffer goes to add_buffer(). The last one has no VIRTQ_DESC_F_NEXT.
 *
 * A descriptor with VIRTQ_DESC_F_INDIRECT is no buffer: its memory is a table of `len` / 16
 * descriptors, where the chain goes on, with number 0, and ends (2.7.5.3). It has no
 * VIRTQ_DESC_F_NEXT; its VIRTQ_DESC_F_WRITE is ignored; in such a table there is not another one;
 * and all this only if q->indirect. The table is not empty, and has no part of a descriptor.
 *
 * A chain has at most q->num buffers, so one that leads back into itself has an end, too.
 * @return -EINVAL: a rule is broken, or a number is beyond its table; what m->read() said
 */
static int virtq_walk(const struct virtq *q, const struct virt_memory *m, u16 head,
		      struct virtq_chain *c)
{
	u64 table = q->desc, entries = q->num;
	u32 index = head;
	bool inside = false;

	for (;;) {
		struct virtq_desc d;
		int err = index < entries ? 0 : -EINVAL;

		err = err ?: m->read(m->ctx, table + index * sizeof(d), &d, sizeof(d));
		if (err)
			return err;
		if (d.flags & VIRTQ_DESC_F_INDIRECT) {
			if (!q->indirect || inside || d.flags & VIRTQ_DESC_F_NEXT ||
			    !d.len || d.len % sizeof(d))
				return -EINVAL;
			table = d.addr;
			entries = d.len / sizeof(d);
			index = 0;
			inside = true;
			continue;
		}
		err = add_buffer(c, &d, q->num);
		if (err || !(d.flags & VIRTQ_DESC_F_NEXT))
			return err;
		index = d.next;
	}
}

/* Is there a chain to take? One look at avail.idx serves for all that it gives us. */
static int look(struct virtq *q, const struct virt_memory *m)
{
	u16 idx;
	int err;

	if (q->next_avail != q->seen_avail)
		return 1;
	err = q->ready ? read_u16(m, q->avail + RING_IDX, &idx) : 0;
	if (err || !q->ready)
		return err;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);	/* the rest is younger than idx */
	if ((u16)(idx - q->next_avail) > q->num)
		return -EINVAL;
	q->seen_avail = idx;
	return idx != q->next_avail;
}

int virtq_pop(struct virtq *q, const struct virt_memory *m, struct virtq_chain *c)
{
	int got = q->ready ? look(q, m) : 0, err;
	u32 place = q->next_avail & (q->num - 1);

	if (got <= 0)
		return got;
	err = read_u16(m, q->avail + RING + place * AVAIL_ENTRY, &c->head);
	c->readable = c->writable = 0;
	c->readable_size = c->writable_size = 0;
	err = err ?: virtq_walk(q, m, c->head, c);
	if (err || !q->ready)
		return err;
	q->next_avail++;
	return 1;
}

/* ---- Give back ------------------------------------------------------------------------------ */

/**
 * Give a chain back: its used-ring entry {id: its head, len: `written`} goes to place q->next_used,
 * modulo the queue's size; and then, not before, used.idx, which wraps at 65536, says that it is
 * there (2.7.8.2). The driver may look from another CPU at any time.
 */
int virtq_push(struct virtq *q, const struct virt_memory *m, u16 head, u32 written)
{
	struct virtq_used entry = { .id = head, .len = written };
	u32 place = q->next_used & (q->num - 1);
	int err = q->ready ? m->write(m->ctx, q->used + RING + place * USED_ENTRY, &entry,
				      sizeof(entry)) : 0;

	if (err || !q->ready)
		return err;
	__atomic_thread_fence(__ATOMIC_RELEASE);
	q->next_used++;
	return m->write(m->ctx, q->used + RING_IDX, &q->next_used, sizeof(q->next_used));
}

/**
 * Does the driver want to be told of what was given back since the last call, that is, of the
 * used-ring entries from q->told_used to q->next_used - 1? From now on they count as told.
 *
 * With q->event_idx it says so in used_event, which is behind the available ring: it waits for the
 * entry of that number, so it wants to know if that is one of them. All these numbers wrap at 65536
 * (2.7.7). Without, it says in avail.flags that it does not want to know of any.
 */
int virtq_wants_interrupt(struct virtq *q, const struct virt_memory *m)
{
	u16 since = (u16)(q->next_used - q->told_used), flags, event;
	int err;

	if (!q->ready)
		return 0;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);	/* first used.idx, then what it wants */
	q->told_used = q->next_used;
	if (!q->event_idx) {
		err = read_u16(m, q->avail + AVAIL_FLAGS, &flags);
		return err ?: q->ready && since && !(flags & VIRTQ_AVAIL_F_NO_INTERRUPT);
	}
	err = read_u16(m, q->avail + RING + q->num * AVAIL_ENTRY, &event);
	return err ?: q->ready && (u16)(q->next_used - 1 - event) < since;
}

/**
 * Have the driver notify us of the next chain. With q->event_idx it does so when it puts in the one
 * whose number stands in avail_event, behind the used ring: that is q->next_avail. Without, it
 * always does. Then look once more: what came before the driver could see avail_event comes without
 * a notification (2.7.10).
 */
int virtq_listen(struct virtq *q, const struct virt_memory *m)
{
	int err = 0;

	if (!q->ready)
		return 0;
	if (q->event_idx)
		err = m->write(m->ctx, q->used + RING + q->num * USED_ENTRY, &q->next_avail,
			       sizeof(q->next_avail));
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return err ?: look(q, m);
}

/* ---- Buffers -------------------------------------------------------------------------------- */

/* Copy from or to the `count` buffers at `b`. */
static int copy(const struct virt_memory *m, const struct virtq_buffer *b, u32 count, u64 offset,
		u8 *buf, u64 size, bool write)
{
	for (; size && count; b++, count--) {
		u64 run = offset < b->size ? b->size - offset : 0;
		int err = 0;

		if (!run) {
			offset -= b->size;
			continue;
		}
		run = run < size ? run : size;
		err = write ? m->write(m->ctx, b->gpa + offset, buf, run) :
			      m->read(m->ctx, b->gpa + offset, buf, run);
		if (err)
			return err;
		buf += run;
		size -= run;
		offset = 0;
	}
	return size ? -EINVAL : 0;
}

int virtq_read(const struct virt_memory *m, const struct virtq_chain *c, u64 offset, void *buf,
	       u64 size)
{
	return copy(m, c->buffer, c->readable, offset, buf, size, false);
}

int virtq_write(const struct virt_memory *m, const struct virtq_chain *c, u64 offset,
		const void *buf, u64 size)
{
	return copy(m, c->buffer + c->readable, c->writable, offset, (u8 *)buf, size, true);
}
