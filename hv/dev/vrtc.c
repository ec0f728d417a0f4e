/*
 * See vrtc.h. Motorola MC146818A data sheet: the names of its sections are in quotes here. What a
 * PC keeps above register D: IBM PC AT Technical Reference, "CMOS RAM".
 */
#include "dev/vrtc.h"

#include "dev/bus.h"

#define NS		1000000000ull	/* in a second */
#define UPDATE_NS	244000ull	/* UIP comes so much before the registers change */
#define CRYSTAL_HZ	32768
#define DAY		86400ull	/* seconds */
#define NEVER		UINT64_MAX

/* "Address Map". */
enum {
	SECONDS, SECONDS_ALARM, MINUTES, MINUTES_ALARM, HOURS, HOURS_ALARM, WEEKDAY, MONTHDAY,
	MONTH, YEAR, REG_A, REG_B, REG_C, REG_D,
	EQUIPMENT = 0x14,
	BASE_MEMORY = 0x15,	/* KiB, two bytes like the others */
	EXTENDED_MEMORY = 0x17,	/* KiB from 1 MiB on, and the same again: */
	EXTENDED_FOUND = 0x30,
	CENTURY = 0x32,
	HIGH_MEMORY = 0x34,	/* 64 KiB each, from 16 MiB on */
};

#define A_UIP		0x80
#define A_DIVIDER	0x70
#define A_STOP		0x60	/* with these bits, the divider is held in reset */
#define A_RATE		0x0f
#define A_RESET		0x26	/* a PC's crystal; 1024 periods in a second */
#define B_SET		0x80
#define B_BINARY	0x04
#define B_24H		0x02
#define C_IRQ		0x80
#define C_PERIODIC	0x40	/* these three have their enables in B */
#define C_ALARM		0x20
#define C_UPDATE	0x10
#define D_VALID		0x80
#define PM		0x80
#define DONT_CARE	0xc0	/* in an alarm */
#define FPU		0x02	/* equipment */

/* ---- The calendar --------------------------------------------------------------------------- */

/* It starts with a first of March 400 years before the year 0, so that no guest gets before it. */
#define CYCLE_DAYS	146097	/* in 400 years */
#define CYCLE_YEARS	400
#define EPOCH_1970	((719468 + CYCLE_DAYS) * DAY)

struct date {
	u32 year, month, day;	/* from the calendar's start; 1 to 12; from 1 on */
};

/* Years begin with March here: a leap day is then a year's last. */
static u64 date_to_days(struct date d)
{
	u64 year = d.year - (d.month < 3);
	u32 month = (d.month + 9) % 12;

	return year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + d.day - 1;
}

static struct date days_to_date(u64 days)
{
	u32 rest = (u32)(days % CYCLE_DAYS);
	u32 year = (rest - rest / 1460 + rest / 36524 - rest / 146096) / 365;
	u32 day = rest - (365 * year + year / 4 - year / 100);
	u32 month = (5 * day + 2) / 153;

	return (struct date){
		.year = (u32)(days / CYCLE_DAYS * CYCLE_YEARS) + year + (month > 9),
		.month = month > 9 ? month - 9 : month + 3,
		.day = day - (153 * month + 2) / 5 + 1,
	};
}

/* ---- Registers and numbers ------------------------------------------------------------------ */

static u8 encode(const struct vrtc *r, u32 v)
{
	return (u8)(r->cmos[REG_B] & B_BINARY ? v : v / 10 << 4 | v % 10);
}

static u32 decode(const struct vrtc *r, u8 v)
{
	return r->cmos[REG_B] & B_BINARY ? v : (v >> 4) * 10u + (v & 15);
}

static u8 encode_hour(const struct vrtc *r, u32 hour)
{
	if (r->cmos[REG_B] & B_24H)
		return encode(r, hour);
	return encode(r, hour % 12 ? hour % 12 : 12) | (hour < 12 ? 0 : PM);
}

static u32 decode_hour(const struct vrtc *r, u8 v)
{
	if (r->cmos[REG_B] & B_24H)
		return decode(r, v);
	return decode(r, v & ~PM) % 12 + (v & PM ? 12 : 0);
}

/* ---- Time ----------------------------------------------------------------------------------- */

static bool divider_stopped(const struct vrtc *r)
{
	return (r->cmos[REG_A] & A_STOP) == A_STOP;
}

/* Do the registers follow the time? Else they hold what is in them. */
static bool running(const struct vrtc *r)
{
	return !(r->cmos[REG_B] & B_SET) && !divider_stopped(r);
}

static u64 seconds_at(const struct vrtc *r, u64 now)
{
	return now / NS + (now % NS + r->phase) / NS;
}

/* When a second begins that is later than now. */
static u64 second_starts(const struct vrtc *r, u64 second)
{
	return second < NEVER / NS ? second * NS - r->phase : NEVER;
}

static void show_time(struct vrtc *r, u64 now)
{
	u64 time = seconds_at(r, now) + r->base;
	u64 days = time / DAY;
	u32 second = (u32)(time % DAY);
	struct date d = days_to_date(days);
	u32 year = d.year - CYCLE_YEARS;

	if (!running(r))
		return;
	r->cmos[SECONDS] = encode(r, second % 60);
	r->cmos[MINUTES] = encode(r, second / 60 % 60);
	r->cmos[HOURS] = encode_hour(r, second / 3600);
	r->cmos[WEEKDAY] = encode(r, (days + 3 + r->weekday) % 7 + 1);
	r->cmos[MONTHDAY] = encode(r, d.day);
	r->cmos[MONTH] = encode(r, d.month);
	r->cmos[YEAR] = encode(r, year % 100);
	r->cmos[CENTURY] = encode(r, year / 100 % 100);
}

/* The registers become the time; what is no date is what comes so long after the month's start. */
static void take_time(struct vrtc *r, u64 now)
{
	struct date d = {
		.year = decode(r, r->cmos[CENTURY]) * 100 + decode(r, r->cmos[YEAR]) +
			CYCLE_YEARS,
		.month = (decode(r, r->cmos[MONTH]) + 11) % 12 + 1,
		.day = decode(r, r->cmos[MONTHDAY]),
	};
	u64 days = date_to_days(d);

	r->base = days * DAY + decode_hour(r, r->cmos[HOURS]) * 3600ull +
		  decode(r, r->cmos[MINUTES]) * 60ull + decode(r, r->cmos[SECONDS]) -
		  seconds_at(r, now);
	r->weekday = (u8)((decode(r, r->cmos[WEEKDAY]) + 13 - (days + 3) % 7) % 7);
}

/* ---- Interrupts ----------------------------------------------------------------------------- */

/* What the time's value must be for an alarm; -1: anything. */
static int wanted(const struct vrtc *r, u8 reg)
{
	u8 v = r->cmos[reg];

	if ((v & DONT_CARE) == DONT_CARE)
		return -1;
	return (int)(reg == HOURS_ALARM ? decode_hour(r, v) : decode(r, v));
}

static bool matches(int wanted, u64 value)
{
	return wanted < 0 || (u64)wanted == value;
}

/* The first second after `second` at which the alarm goes off, or NEVER: 99 minutes, say. */
static u64 alarm_after(const struct vrtc *r, u64 second)
{
	int hour = wanted(r, HOURS_ALARM);
	int minute = wanted(r, MINUTES_ALARM);
	int sec = wanted(r, SECONDS_ALARM);
	u64 time = second + 1 + r->base;

	if (hour > 23 || minute > 59 || sec > 59)
		return NEVER;
	for (;;) {
		if (!matches(hour, time % DAY / 3600))
			time += 3600 - time % 3600;
		else if (!matches(minute, time % 3600 / 60))
			time += 60 - time % 60;
		else if (!matches(sec, time % 60))
			time++;
		else
			return time - r->base;
	}
}

/* "Periodic Interrupt Selection": the crystal's oscillations in a period; 0: there are none. */
static u32 period(const struct vrtc *r)
{
	u8 rate = r->cmos[REG_A] & A_RATE;

	if (!rate || divider_stopped(r))
		return 0;
	return 1u << (rate < 3 ? rate + 6 : rate - 1);
}

static u64 oscillations(const struct vrtc *r, u64 now)
{
	return now / NS * CRYSTAL_HZ + (now % NS + r->phase) * CRYSTAL_HZ / NS;
}

static u64 oscillations_end(const struct vrtc *r, u64 n)
{
	u64 start = second_starts(r, n / CRYSTAL_HZ);

	return start == NEVER ? NEVER : start + (n % CRYSTAL_HZ * NS + CRYSTAL_HZ - 1) / CRYSTAL_HZ;
}

/* Register C, with all that has happened up to `now`. */
static void catch_up(struct vrtc *r, u64 now)
{
	u64 before = seconds_at(r, r->seen), second = seconds_at(r, now);
	u32 p = period(r);
	u8 flags = r->cmos[REG_C];

	if (now > r->seen) {
		if (p && oscillations(r, r->seen) / p != oscillations(r, now) / p)
			flags |= C_PERIODIC;
		if (running(r) && before != second)
			flags |= C_UPDATE;
		if (running(r) && before != second && alarm_after(r, before) <= second)
			flags |= C_ALARM;
		r->seen = now;
	}
	flags &= C_PERIODIC | C_ALARM | C_UPDATE;
	r->cmos[REG_C] = flags | (flags & r->cmos[REG_B] ? C_IRQ : 0);
}

static u64 earlier(u64 a, u64 b)
{
	return a < b ? a : b;
}

/* Register C is as of `seen`. */
static void find_next(struct vrtc *r)
{
	u64 second = seconds_at(r, r->seen);
	u32 p = period(r);
	u8 enabled = r->cmos[REG_B];

	r->next = NEVER;
	if (r->cmos[REG_C] & C_IRQ)
		return;
	if (enabled & C_PERIODIC && p)
		r->next = oscillations_end(r, (oscillations(r, r->seen) / p + 1) * p);
	if (enabled & C_UPDATE && running(r))
		r->next = earlier(r->next, second_starts(r, second + 1));
	if (enabled & C_ALARM && running(r))
		r->next = earlier(r->next, second_starts(r, alarm_after(r, second)));
}

bool vrtc_irq(struct vrtc *r, u64 now)
{
	if (now >= r->next) {
		catch_up(r, now);
		find_next(r);
	}
	return r->cmos[REG_C] & C_IRQ;
}

/* ---- Its ports ------------------------------------------------------------------------------ */

static bool is_time(u8 reg)
{
	return reg == CENTURY || (reg >= WEEKDAY && reg <= YEAR) || (reg <= HOURS && !(reg & 1));
}

static u8 read_data(struct vrtc *r, u64 now)
{
	u8 v;

	show_time(r, now);
	catch_up(r, now);
	v = r->cmos[r->index];
	if (r->index == REG_A && running(r) && (now % NS + r->phase) % NS >= NS - UPDATE_NS)
		v |= A_UIP;
	if (r->index == REG_C) {
		r->fell |= v & C_IRQ;
		r->cmos[REG_C] = 0;
		find_next(r);
	}
	return v;
}

/* The time starts anew half a second before an update when the divider is let go. */
static void write_data(struct vrtc *r, u8 v, u64 now)
{
	bool ran = running(r), stopped = divider_stopped(r);

	show_time(r, now);
	catch_up(r, now);
	if (r->index == REG_C || r->index == REG_D)
		return;
	if (r->index == REG_A)
		v &= ~A_UIP;
	if (r->index == REG_B && v & B_SET)
		v &= ~C_UPDATE;
	r->cmos[r->index] = v;
	if (stopped && !divider_stopped(r))
		r->phase = (NS / 2 + NS - now % NS) % NS;
	if (running(r) && (!ran || is_time(r->index)))
		take_time(r, now);
	catch_up(r, now);
	find_next(r);
}

/* The index can't be read: nobody drives the bus. */
static u8 read_port(void *dev, u16 offset)
{
	struct vrtc *r = dev;

	return offset ? read_data(r, r->now(r->ctx)) : 0xff;
}

static void write_port(void *dev, u16 offset, u8 v)
{
	struct vrtc *r = dev;

	if (offset)
		write_data(r, v, r->now(r->ctx));
	else
		r->index = v & (sizeof(r->cmos) - 1);	/* bit 7 would hold up NMIs */
}

void vrtc_access(void *dev, u16 offset, u8 size, bool in, u32 *value)
{
	const struct bus_bytes ports = { VRTC_PORTS, read_port, write_port };

	bus_bytes_access(&ports, dev, offset, size, in, value);
}

static void put_size(struct vrtc *r, u8 reg, u64 size)
{
	u16 v = size < UINT16_MAX ? (u16)size : UINT16_MAX;

	r->cmos[reg] = (u8)v;
	r->cmos[reg + 1] = v >> 8;
}

void vrtc_reset(struct vrtc *r, u64 seconds, u64 memory)
{
	*r = (struct vrtc){ .now = r->now, .ctx = r->ctx, .base = EPOCH_1970 + seconds,
			    .next = NEVER };
	r->cmos[REG_A] = A_RESET;
	r->cmos[REG_B] = B_24H;
	r->cmos[REG_D] = D_VALID;
	r->cmos[EQUIPMENT] = FPU;
	put_size(r, BASE_MEMORY, memory < KiB(640) ? memory / KiB(1) : 640);
	put_size(r, EXTENDED_MEMORY, memory < MiB(1) ? 0 : (memory - MiB(1)) / KiB(1));
	put_size(r, EXTENDED_FOUND, memory < MiB(1) ? 0 : (memory - MiB(1)) / KiB(1));
	put_size(r, HIGH_MEMORY, memory < MiB(16) ? 0 : (memory - MiB(16)) / KiB(64));
}
