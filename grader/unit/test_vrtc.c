/* dev/vrtc.c: dates against the host's gmtime(), all that sets the time, the three interrupts. */
#include <time.h>

#include "dev/vrtc.h"
#include "random.h"
#include "unit.h"

#define NS	1000000000ull
#define MS	1000000ull
#define US	1000ull

enum { SEC, SEC_ALARM, MIN, MIN_ALARM, HOUR, HOUR_ALARM, WEEKDAY, DAY, MONTH, YEAR, A, B, C, D,
       CENTURY = 0x32 };

static u64 clock_ns;

static u64 clock_now(void *ctx)
{
	return clock_ns;
}

static struct vrtc rtc = { .now = clock_now };

static void access_at(u16 port, u8 size, bool is_in, u32 *value)
{
	vrtc_access(&rtc, port - VRTC_PORT, size, is_in, value);
}

static void out(u16 port, u32 v)
{
	access_at(port, 1, false, &v);
}

static u8 get(u8 reg)
{
	u32 v = 0;

	out(0x70, reg);
	access_at(0x71, 1, true, &v);
	return (u8)v;
}

static void put(u8 reg, u8 v)
{
	out(0x70, reg);
	out(0x71, v);
}

static void start(u64 seconds)
{
	clock_ns = 0;
	vrtc_reset(&rtc, seconds, MiB(64));
}

static u8 bcd(int v)
{
	return (u8)(v / 10 * 16 + v % 10);
}

static bool shows(time_t t)
{
	struct tm d;

	gmtime_r(&t, &d);
	return get(SEC) == bcd(d.tm_sec) && get(MIN) == bcd(d.tm_min) &&
	       get(HOUR) == bcd(d.tm_hour) && get(WEEKDAY) == bcd(d.tm_wday + 1) &&
	       get(DAY) == bcd(d.tm_mday) && get(MONTH) == bcd(d.tm_mon + 1) &&
	       get(YEAR) == bcd(d.tm_year % 100) &&
	       get(CENTURY) == bcd((d.tm_year + 1900) / 100);
}

/* Write a date as it is; the registers are BCD. */
static void put_date(time_t t)
{
	struct tm d;

	gmtime_r(&t, &d);
	put(SEC, bcd(d.tm_sec));
	put(MIN, bcd(d.tm_min));
	put(HOUR, bcd(d.tm_hour));
	put(WEEKDAY, bcd(d.tm_wday + 1));
	put(DAY, bcd(d.tm_mday));
	put(MONTH, bcd(d.tm_mon + 1));
	put(YEAR, bcd(d.tm_year % 100));
	put(CENTURY, bcd((d.tm_year + 1900) / 100));
}

/* Each day of 1970 to 2399, and times of day. */
static void dates(void)
{
	random_state = 1;
	for (u64 day = 0; day < 157055; day++) {
		start(day * 86400 + below(86400));
		if (!shows((time_t)(rtc.base - 865565ull * 86400))) {
			printf("wrong: day %lu\n", day);
			unit_failures++;
			return;
		}
	}
	start(951782399);			/* 28 February 2000, the last second */
	clock_ns = NS - 1;
	CHECK(shows(951782399) && get(DAY) == 0x28);
	clock_ns = NS;
	CHECK(shows(951782400) && get(DAY) == 0x29);
	clock_ns = 86401 * NS;
	CHECK(get(DAY) == 0x01 && get(MONTH) == 0x03);
}

/* As Linux sets it, and from there on it runs. */
static void set_time(void)
{
	start(1000000000);
	for (u32 i = 0; i < 3000; i++) {
		time_t t = (time_t)below(UINT32_MAX);
		u64 began;

		clock_ns += below(UINT32_MAX);
		put(B, 0x82);
		put(A, 0x76);
		put_date(t);
		clock_ns += below(3000) * MS;
		CHECK(shows(t));			/* it stands still */
		put(B, 0x02);
		CHECK(shows(t));
		put(A, 0x26);
		began = clock_ns;
		clock_ns = began + NS / 2 - 1;		/* the first second is a short one */
		CHECK(shows(t));
		clock_ns = began + NS / 2;
		CHECK(shows(t + 1));
		clock_ns = began + NS / 2 + 100000 * NS - 1;
		CHECK(shows(t + 100000));
	}
	start(1000000000);
	clock_ns = 300 * MS;
	put(B, 0x82);
	clock_ns = 5300 * MS;
	CHECK(shows(1000000000));
	put(B, 0x02);				/* the divider ran on */
	clock_ns = 5999 * MS;
	CHECK(shows(1000000000));
	clock_ns = 6000 * MS;
	CHECK(shows(1000000001));
	put(MIN, 0x59);				/* without SET: only that is another */
	CHECK(get(MIN) == 0x59 && get(SEC) == 0x41 && get(HOUR) == 0x01);
	put(WEEKDAY, 0x07);			/* the guest's week is its own */
	CHECK(get(WEEKDAY) == 0x07);
	clock_ns += 86400 * NS;
	CHECK(get(WEEKDAY) == 0x01);
}

static void formats(void)
{
	static const u8 hours[] = { 0x12, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09,
				    0x10, 0x11 };

	for (u32 h = 0; h < 24; h++) {
		u8 pm = h < 12 ? 0 : 0x80, twelve = h % 12 ? h % 12 : 12;

		start(h * 3600 + 59 * 60 + 58);
		put(B, 0x00);
		CHECK(get(HOUR) == (hours[h % 12] | pm) && get(MIN) == 0x59);
		put(B, 0x04);
		CHECK(get(HOUR) == (twelve | pm) && get(MIN) == 59 && get(CENTURY) == 19);
		put(B, 0x06);
		CHECK(get(HOUR) == h && get(SEC) == 58 && get(YEAR) == 70);
		put(B, 0x80);
		put(HOUR, hours[h % 12] | pm);
		put(MIN, 0x30);
		put(SEC, 0x00);
		put(B, 0x00);
		put(B, 0x06);
		CHECK(get(HOUR) == h && get(MIN) == 30 && get(SEC) == 0 && get(DAY) == 1);
	}
}

static void update_in_progress(void)
{
	start(0);
	clock_ns = NS - 245 * US;
	CHECK(get(A) == 0x26);
	clock_ns = NS - 244 * US;
	CHECK(get(A) == 0xa6);
	put(A, 0xff & ~0x70 & ~0x80);		/* UIP can't be written */
	CHECK(get(A) == 0x8f);
	clock_ns = NS - 1;
	CHECK(get(A) == 0x8f);
	put(B, 0x82);
	CHECK(get(A) == 0x0f);			/* no update will come */
	put(B, 0x02);
	clock_ns = NS;
	CHECK(get(A) == 0x0f);
}

static void periodic(void)
{
	static const u32 hz[] = { 0, 256, 128, 8192, 4096, 2048, 1024, 512, 256, 128, 64, 32, 16,
				  8, 4, 2 };

	for (u8 rate = 1; rate < 16; rate++) {
		u64 irqs = 0;

		start(0);
		put(A, 0x20 | rate);
		put(B, 0x42);
		while (vrtc_next(&rtc) <= NS) {
			u64 at = vrtc_next(&rtc);

			CHECK(!vrtc_irq(&rtc, at - 1) && vrtc_irq(&rtc, at));
			CHECK(vrtc_next(&rtc) == UINT64_MAX);	/* it's up */
			clock_ns = at;
			CHECK((get(C) & 0xc0) == 0xc0 && vrtc_irq_fell(&rtc));
			CHECK(!vrtc_irq(&rtc, at) && get(C) == 0 && !vrtc_irq_fell(&rtc));
			irqs++;
		}
		CHECK(irqs == hz[rate] && clock_ns == NS);
	}
	start(0);
	put(B, 0x42);
	put(A, 0x20);
	CHECK(vrtc_next(&rtc) == UINT64_MAX);
	put(A, 0x66);				/* nor without the divider */
	CHECK(vrtc_next(&rtc) == UINT64_MAX);
	put(A, 0x26);
	clock_ns = 7 * NS;
	CHECK(vrtc_irq(&rtc, clock_ns) && get(C) == 0xd0);	/* many are one; and an update */
	put(B, 0x02);
	clock_ns = 9 * NS;
	CHECK(!vrtc_irq(&rtc, clock_ns) && get(C) == 0x50);	/* flags come without enables */
	clock_ns += MS;
	CHECK(get(C) == 0x40);
	clock_ns += MS;
	put(B, 0x42);
	CHECK(vrtc_irq(&rtc, clock_ns));	/* it was only not enabled */
}

static void updates(void)
{
	start(0);
	clock_ns = 1;
	put(B, 0x12);
	CHECK(vrtc_next(&rtc) == NS && !vrtc_irq(&rtc, NS - 1) && vrtc_irq(&rtc, NS));
	clock_ns = NS + 5;
	CHECK(get(C) == 0xd0 && vrtc_next(&rtc) == 2 * NS);
	put(B, 0x92);
	CHECK(get(B) == 0x82 && vrtc_next(&rtc) == UINT64_MAX);	/* SET clears UIE */
}

/* When the next alarm is, found second by second. */
static u64 slow_alarm(u64 from, int hour, int minute, int second)
{
	for (u64 t = from + 1; t <= from + 86400; t++)
		if ((hour < 0 || t / 3600 % 24 == (u64)hour) &&
		    (minute < 0 || t / 60 % 60 == (u64)minute) &&
		    (second < 0 || t % 60 == (u64)second))
			return t;
	return UINT64_MAX;
}

static void alarms(void)
{
	random_state = 1;
	for (int i = 0; i < 2000; i++) {
		int hour = below(3) ? (int)below(25) : -1, minute = below(3) ? (int)below(61) : -1;
		int second = below(3) ? (int)below(61) : -1;
		u64 base = below(86400), expected = slow_alarm(base, hour, minute, second);

		start(base);
		put(HOUR_ALARM, hour < 0 ? 0xc0 | below(64) : bcd(hour));
		put(MIN_ALARM, minute < 0 ? 0xff : bcd(minute));
		put(SEC_ALARM, second < 0 ? 0xc0 : bcd(second));
		put(B, 0x22);
		if (expected == UINT64_MAX) {
			CHECK(vrtc_next(&rtc) == UINT64_MAX);
			continue;
		}
		CHECK(vrtc_next(&rtc) == (expected - base) * NS);
		clock_ns = vrtc_next(&rtc) - 1;
		CHECK(!vrtc_irq(&rtc, clock_ns) && !(get(C) & 0x20));
		CHECK(vrtc_irq(&rtc, ++clock_ns) && (get(C) & 0xa0) == 0xa0);
	}
}

static void memory(void)
{
	static const struct { u64 size; u16 base, extended, high; } sizes[] = {
		{ 0, 0, 0, 0 },
		{ KiB(64), 64, 0, 0 },
		{ MiB(1), 640, 0, 0 },
		{ MiB(16), 640, 15360, 0 },
		{ MiB(64), 640, 64512, 768 },
		{ MiB(65), 640, 65535, 784 },
		{ GiB(512), 640, 65535, 65535 },
	};

	for (u32 i = 0; i < ARRAY_SIZE(sizes); i++) {
		vrtc_reset(&rtc, 0, sizes[i].size);
		CHECK((get(0x16) << 8 | get(0x15)) == sizes[i].base);
		CHECK((get(0x18) << 8 | get(0x17)) == sizes[i].extended);
		CHECK((get(0x31) << 8 | get(0x30)) == sizes[i].extended);
		CHECK((get(0x35) << 8 | get(0x34)) == sizes[i].high);
	}
	start(0);
	put(0x8f, 0x5a);			/* bit 7 is no part of the index */
	CHECK(get(0x0f) == 0x5a && get(0x8f) == 0x5a);
	put(D, 0);
	put(C, 0xff);
	CHECK(get(D) == 0x80 && get(C) == 0);
	u32 v;

	access_at(0x70, 4, true, &v);
	CHECK(v == 0xffff00ff);
}

/* Dates that are none, and times of all sizes; the sanitizers look on. */
static void noise(void)
{
	random_state = 2;
	start(0);
	for (int i = 0; i < 300000; i++) {
		if (!below(1000))
			vrtc_reset(&rtc, (u64)below(UINT32_MAX) << below(33), MiB(16));
		clock_ns = (u64)below(UINT32_MAX) << 32 >> below(64);
		put(below(8) ? below(16) : below(256), below(256));
		get(below(128));
		vrtc_irq(&rtc, (u64)below(UINT32_MAX) << 32 >> below(64));
	}
}

int main(void)
{
	dates();
	set_time();
	formats();
	update_in_progress();
	periodic();
	updates();
	alarms();
	memory();
	noise();
	return UNIT_END();
}
