/*
 * See vpit.h. Intel 8254 data sheet, 231164: the names of its sections are in quotes here. Port
 * 0x61: Intel 82371AB (PIIX4) data sheet, 290562.
 */
#include "dev/vpit.h"

#include "dev/bus.h"

#define NS		1000000000ull	/* in a second */
#define REFRESH_NS	15085
#define NEVER		UINT64_MAX

/* The control word. */
#define SELECT		0xc0
#define SELECT_READBACK	0xc0
#define RW		0x30	/* 0: the counter latch command */
#define RW_LOW		0x10
#define RW_HIGH		0x20
#define MODE		0x0e
#define BCD		0x01
/* The read-back command: bits 1 to 3 say of which channels. */
#define NO_COUNT	0x20
#define NO_STATUS	0x10
/* The status byte; below are the control word's bits. */
#define STATUS_OUT	0x80
#define STATUS_NULL	0x40

#define SPEAKER_GATE	0x01
#define SPEAKER_WRITE	0x0f
#define SPEAKER_REFRESH	0x10
#define SPEAKER_OUT	0x20

/* ---- Time ----------------------------------------------------------------------------------- */

/* Both are split into seconds and the rest, for the product would not fit into 64 bits. */
static u64 ns_to_pulses(u64 ns)
{
	return ns / NS * VPIT_HZ + ns % NS * VPIT_HZ / NS;
}

/* When that many have come, rounded up. */
static u64 pulses_to_ns(u64 pulses)
{
	u64 seconds = pulses / VPIT_HZ;
	u64 rest = (pulses % VPIT_HZ * NS + VPIT_HZ - 1) / VPIT_HZ;

	return seconds < NEVER / NS ? seconds * NS + rest : NEVER;
}

/* ---- One channel: counting ------------------------------------------------------------------ */

/* "Mode Definitions". Modes 2 and 3 have two numbers each: the first bit doesn't count then. */
static u8 mode(const struct vpit_channel *c)
{
	u8 m = (c->control & MODE) >> 1;

	return m > 5 ? m - 4 : m;
}

static bool periodic(const struct vpit_channel *c)
{
	return mode(c) == 2 || mode(c) == 3;
}

static u32 limit(const struct vpit_channel *c)
{
	return c->control & BCD ? 10000 : 65536;
}

/* A count as a number of pulses: 0 is the highest. */
static u32 whole(const struct vpit_channel *c, u32 count)
{
	return count ? count : limit(c);
}

/* In mode 3 the counter goes down by two, from an even number. */
static u32 pulses_of(const struct vpit_channel *c)
{
	bool odd = c->loaded & 1;

	if (mode(c) != 3)
		return whole(c, c->counter);
	return (odd ? c->counter : whole(c, c->counter)) / 2 + (odd && c->out);
}

/* Modes 2 and 3 may not have a count of 1: OUT stays high then, each pulse loads the counter. */
static bool forbidden(const struct vpit_channel *c)
{
	return periodic(c) && c->loaded == 1;
}

/* The gate stops the counter, but in modes 1 and 5, where it only starts it. */
static bool stopped(const struct vpit_channel *c)
{
	return !c->counting || (!c->gate && mode(c) != 1 && mode(c) != 5) ||
	       (forbidden(c) && !c->null);
}

/* How many pulses until something happens that is not just counting: 1 or more, or NEVER. */
static u64 until_event(const struct vpit_channel *c)
{
	u32 left = pulses_of(c);

	if (c->load)
		return 1;
	switch (mode(c)) {
	case 0: case 1:
		return stopped(c) || c->out ? NEVER : left;
	case 2:
		return stopped(c) ? NEVER : left > 1 ? left - 1 : 1;
	case 3:
		return stopped(c) ? NEVER : left;
	default:
		return !c->out ? 1 : stopped(c) || !c->strobe ? NEVER : left;
	}
}

static void count(struct vpit_channel *c, u64 pulses)
{
	u32 down = (u32)(pulses % limit(c)) << (mode(c) == 3);

	if (!stopped(c))
		c->counter = (u16)((c->counter + 2 * limit(c) - down) % limit(c));
}

static void load(struct vpit_channel *c)
{
	c->loaded = c->count;
	c->counter = mode(c) == 3 ? c->loaded & ~1 : c->loaded;
	c->load = false;
	c->null = false;
	c->counting = true;
	c->strobe = true;
}

/* The event that until_event() was about; the pulses up to it have been counted. */
static void event(struct vpit_channel *c)
{
	bool falls = c->out && !forbidden(c);

	if (c->load) {
		load(c);
		if (mode(c) != 0)
			c->out = mode(c) != 1;
		return;
	}
	switch (mode(c)) {
	case 0: case 1:
		c->out = true;
		break;
	case 2:
		if (!falls)
			load(c);
		c->out = !falls;
		break;
	case 3:
		load(c);
		c->out = !falls || forbidden(c);
		break;
	default:
		c->out = !c->out;
		c->strobe = false;
	}
}

/*
 * As many pulses come. In modes 2 and 3 whole periods change nothing once the counter has the last
 * count that was written, so few steps are left.
 * @return whether OUT rises at one of them
 */
static bool advance(struct vpit_channel *c, u64 pulses)
{
	bool rose = false;

	for (u64 step = until_event(c); step <= pulses; step = until_event(c)) {
		bool before = c->out;

		count(c, step);
		event(c);
		pulses -= step;
		rose |= c->out && !before;
		if (periodic(c) && !c->null && !stopped(c) && pulses >= whole(c, c->loaded)) {
			pulses %= whole(c, c->loaded);
			rose = true;
		}
	}
	count(c, pulses);
	return rose;
}

/* The number of the pulse at which OUT rises next, or NEVER. There are but few events before. */
static u64 next_rise(const struct vpit_channel *c)
{
	struct vpit_channel ahead = *c;
	bool before = true;

	while (before || !ahead.out) {
		u64 step = until_event(&ahead);

		if (step == NEVER)
			return NEVER;
		before = ahead.out;
		count(&ahead, step);
		event(&ahead);
		ahead.pulses += step;
	}
	return ahead.pulses;
}

/* ---- One channel: its port ------------------------------------------------------------------ */

static u16 from_bcd(u16 v)
{
	return ((v >> 12) * 1000 + (v >> 8 & 15) * 100 + (v >> 4 & 15) * 10 + (v & 15)) % 10000;
}

static u16 to_bcd(u16 v)
{
	return (u16)(v / 1000 << 12 | v / 100 % 10 << 8 | v / 10 % 10 << 4 | v % 10);
}

static void write_control(struct vpit_channel *c, u8 v)
{
	*c = (struct vpit_channel){ .pulses = c->pulses, .gate = c->gate, .null = true,
				    .control = v & (RW | MODE | BCD) };
	c->out = mode(c) != 0;
}

/* A count is there; modes 1 and 5 wait for the gate, modes 2 and 3 for the end of a period. */
static void write_whole(struct vpit_channel *c, u16 v)
{
	c->count = c->control & BCD ? from_bcd(v) : v;
	c->null = true;
	if (mode(c) == 0 || mode(c) == 4 || (periodic(c) && !c->written))
		c->load = true;
	c->written = true;
}

/* "Write Operations". */
static void write_count(struct vpit_channel *c, u8 v)
{
	u8 rw = c->control & RW;

	if (mode(c) == 0)
		c->out = false;
	if (rw == RW && !c->write_high) {
		c->low = v;
		if (mode(c) == 0)
			c->counting = c->load = false;
	} else {
		write_whole(c, rw == RW_LOW ? v : (u16)(v << 8 | c->low));
	}
	c->write_high = rw == RW && !c->write_high;
}

static u16 count_now(const struct vpit_channel *c)
{
	return c->control & BCD ? to_bcd(c->counter) : c->counter;
}

/* "Read Operations". */
static u8 read_count(struct vpit_channel *c)
{
	u16 v = c->latched ? c->latch : count_now(c);
	u8 rw = c->control & RW;
	bool high = rw == RW ? c->read_high : rw == RW_HIGH;

	if (c->status_latched) {
		c->status_latched = false;
		return c->status;
	}
	c->read_high = rw == RW && !high;
	c->latched = c->latched && c->read_high;
	return (u8)(high ? v >> 8 : v);
}

/* What is latched already stays until it has been read. */
static void latch_count(struct vpit_channel *c)
{
	if (!c->latched)
		c->latch = count_now(c);
	c->latched = true;
}

static void latch_status(struct vpit_channel *c)
{
	if (!c->status_latched)
		c->status = c->control | (c->out ? STATUS_OUT : 0) | (c->null ? STATUS_NULL : 0);
	c->status_latched = true;
}

/* The gate's level, and the trigger when it rises: "Gate Pin Operations Summary". */
static void set_gate(struct vpit_channel *c, bool up)
{
	if (up && !c->gate && c->written && mode(c) != 0 && mode(c) != 4)
		c->load = true;
	if (!up && periodic(c))
		c->out = true;
	c->gate = up;
}

/* ---- The chip ------------------------------------------------------------------------------- */

/* Bring a channel up to the time. */
static struct vpit_channel *channel_at(struct vpit *p, u8 number, u64 now)
{
	struct vpit_channel *c = &p->channel[number];
	u64 pulses = ns_to_pulses(now);

	if (pulses > c->pulses) {
		bool rose = advance(c, pulses - c->pulses);

		c->pulses = pulses;
		p->rose |= rose && number == 0;
	}
	return c;
}

/* A rise that nobody has been told of yet is in the past. */
static void find_next(struct vpit *p)
{
	u64 rise = p->rose ? 0 : next_rise(&p->channel[0]);

	p->next = rise == NEVER ? NEVER : pulses_to_ns(rise);
}

static void write_word(struct vpit *p, u8 v, u64 now)
{
	bool readback = (v & SELECT) == SELECT_READBACK;

	for (u8 i = 0; i < 3; i++) {
		struct vpit_channel *c = channel_at(p, i, now);
		bool chosen = readback ? v >> i & 2 : v >> 6 == i;
		bool before = c->out;

		if (chosen && (readback ? !(v & NO_COUNT) : !(v & RW)))
			latch_count(c);
		if (chosen && readback && !(v & NO_STATUS))
			latch_status(c);
		if (chosen && !readback && v & RW)
			write_control(c, v);
		p->rose |= c->out && !before && i == 0;
	}
}

/* The control word can't be read: nobody drives the bus. */
static u8 read_port(void *dev, u16 offset)
{
	struct vpit *p = dev;

	return offset < 3 ? read_count(channel_at(p, (u8)offset, p->now(p->ctx))) : 0xff;
}

static void write_port(void *dev, u16 offset, u8 v)
{
	struct vpit *p = dev;
	u64 now = p->now(p->ctx);

	if (offset < 3)
		write_count(channel_at(p, (u8)offset, now), v);
	else
		write_word(p, v, now);
	find_next(p);
}

static u8 read_speaker(void *dev, u16 offset)
{
	struct vpit *p = dev;
	u64 now = p->now(p->ctx);
	u8 refresh = now / REFRESH_NS & 1 ? SPEAKER_REFRESH : 0;

	return p->speaker | refresh | (channel_at(p, 2, now)->out ? SPEAKER_OUT : 0);
}

static void write_speaker(void *dev, u16 offset, u8 v)
{
	struct vpit *p = dev;

	p->speaker = v & SPEAKER_WRITE;
	set_gate(channel_at(p, 2, p->now(p->ctx)), v & SPEAKER_GATE);
}

void vpit_access(void *dev, u16 offset, u8 size, bool in, u32 *value)
{
	const struct bus_bytes ports = { VPIT_PORTS, read_port, write_port };

	bus_bytes_access(&ports, dev, offset, size, in, value);
}

void vpit_speaker_access(void *dev, u16 offset, u8 size, bool in, u32 *value)
{
	const struct bus_bytes port = { 1, read_speaker, write_speaker };

	bus_bytes_access(&port, dev, offset, size, in, value);
}

void vpit_reset(struct vpit *p)
{
	*p = (struct vpit){ .now = p->now, .ctx = p->ctx, .next = NEVER };
	for (u8 i = 0; i < 3; i++) {
		p->channel[i].gate = i != 2;
		write_control(&p->channel[i], RW | 2 << 1);
	}
}

bool vpit_tick(struct vpit *p, u64 now)
{
	bool rose;

	if (now < p->next)
		return false;
	channel_at(p, 0, now);
	rose = p->rose;
	p->rose = false;
	find_next(p);
	return rose;
}
