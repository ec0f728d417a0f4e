/* dev/vpit.c: what the data sheet says of each mode and command, and times of all sizes. */
#include "lib/string.h"
#include "random.h"
#include "unit.h"
#include "vpit_ports.h"

#define LATCH		0x00
#define LOW		0x10
#define BOTH		0x30
#define CHANNEL(n)	((n) << 6)
#define MODE(n)		((n) << 1)

/* So many pulses go by. */
static void wait(u64 pulses)
{
	clock_ns = ns_of(pulses_at(clock_ns) + pulses);
}

static void start(void)
{
	clock_ns = 1000;
	vpit_reset(&pit);
}

/* OUT of channel 2, as port 0x61 has it. */
static bool out2(void)
{
	return in(0x61) & 0x20;
}

static void gate2(bool up)
{
	out(0x61, up);
}

static void program2(u8 mode, u16 count)
{
	out(0x43, CHANNEL(2) | BOTH | MODE(mode));
	out(0x42, (u8)count);
	out(0x42, count >> 8);
}

/* OUT after each of the next pulses, as the data sheet draws it: _ is low, ~ is high. */
static const char *wave(int pulses)
{
	static char drawn[64];

	for (int i = 0; i < pulses; i++) {
		wait(1);
		drawn[i] = out2() ? '~' : '_';
	}
	drawn[pulses] = '\0';
	return drawn;
}

static u16 read_both(u16 port)
{
	u8 low = in(port);

	return (u16)(in(port) << 8 | low);
}

static void power_on(void)
{
	start();
	CHECK(vpit_next(&pit) == UINT64_MAX && !vpit_tick(&pit, UINT64_MAX));
	CHECK(in(0x43) == 0xff && in_wide(0x43, 4) == 0xffffffff);
	out(0x43, 0xee);			/* status of all three */
	CHECK((in(0x40) & 0xc0) == 0xc0 && (in(0x41) & 0xc0) == 0xc0 && (in(0x42) & 0xc0) == 0xc0);
	out(0x40, 5);				/* half a count starts nothing */
	CHECK(vpit_next(&pit) == UINT64_MAX);
}

/* Figures 15 to 20 of the data sheet. */
static void waves(void)
{
	start();
	gate2(true);
	program2(0, 4);
	CHECK(!out2());
	CHECK_TEXT(wave(8), "____~~~~");	/* N + 1 pulses after the write */
	program2(2, 3);
	CHECK_TEXT(wave(10), "~~_~~_~~_~");
	program2(3, 4);
	CHECK_TEXT(wave(12), "~~__~~__~~__");
	program2(3, 5);
	CHECK_TEXT(wave(13), "~~~__~~~__~~~");
	program2(4, 3);
	CHECK_TEXT(wave(9), "~~~_~~~~~");
	gate2(false);
	program2(1, 3);
	CHECK_TEXT(wave(3), "~~~");		/* it waits for the gate */
	gate2(true);
	CHECK_TEXT(wave(6), "___~~~");
	gate2(false);
	gate2(true);
	CHECK_TEXT(wave(2), "__");
	gate2(false);
	gate2(true);				/* again, before it has ended */
	CHECK_TEXT(wave(5), "___~~");
	gate2(false);
	program2(5, 3);
	gate2(true);
	CHECK_TEXT(wave(7), "~~~_~~~");
}

/* "Gate Pin Operations Summary". */
static void gates(void)
{
	start();
	program2(0, 3);
	CHECK_TEXT(wave(6), "______");		/* the count goes in, but not on */
	CHECK(read_both(0x42) == 3);
	gate2(true);
	CHECK_TEXT(wave(2), "__");
	gate2(false);
	CHECK_TEXT(wave(3), "___");
	gate2(true);
	CHECK_TEXT(wave(2), "~~");
	program2(2, 3);
	CHECK_TEXT(wave(3), "~~_");
	gate2(false);
	CHECK(out2());				/* at once */
	CHECK_TEXT(wave(3), "~~~");
	gate2(true);				/* and the count starts again */
	CHECK_TEXT(wave(6), "~~_~~_");
	program2(3, 6);
	CHECK_TEXT(wave(5), "~~~__");
	gate2(false);
	CHECK_TEXT(wave(3), "~~~");
	gate2(true);
	CHECK_TEXT(wave(6), "~~~___");
	program2(4, 3);
	CHECK_TEXT(wave(2), "~~");
	gate2(false);
	CHECK_TEXT(wave(3), "~~~");
	gate2(true);
	CHECK_TEXT(wave(3), "~_~");
}

/* A count that is written while another one runs. */
static void new_counts(void)
{
	start();
	gate2(true);
	program2(0, 9);
	wait(3);
	out(0x42, 3);				/* the first byte stops it */
	CHECK_TEXT(wave(9), "_________");
	out(0x42, 0);
	CHECK_TEXT(wave(5), "___~~");
	out(0x42, 2);
	CHECK(!out2());
	out(0x42, 0);
	CHECK_TEXT(wave(4), "__~~");
	program2(2, 5);
	wait(2);
	out(0x42, 3);
	out(0x42, 0);
	CHECK_TEXT(wave(9), "~~_~~_~~_");	/* 5 is counted to its end */
	program2(3, 8);
	wait(2);
	out(0x42, 4);
	out(0x42, 0);
	CHECK_TEXT(wave(8), "~~__~~__");	/* half of 8 is, too */
	program2(4, 9);
	wait(4);
	out(0x42, 2);
	out(0x42, 0);
	CHECK_TEXT(wave(5), "~~_~~");
	gate2(false);
	program2(1, 4);
	gate2(true);
	wait(2);
	out(0x42, 2);
	out(0x42, 0);
	CHECK_TEXT(wave(4), "__~~");
	gate2(false);
	gate2(true);
	CHECK_TEXT(wave(4), "__~~");
	program2(2, 1);				/* forbidden: no storm of interrupts */
	CHECK_TEXT(wave(5), "~~~~~");
	program2(3, 1);
	CHECK_TEXT(wave(5), "~~~~~");
}

static void counters(void)
{
	start();
	out(0x43, CHANNEL(0) | BOTH | MODE(2));
	out(0x40, 0x34);
	out(0x40, 0x12);
	wait(1);
	CHECK(read_both(0x40) == 0x1234);
	wait(0x34);
	CHECK(in(0x40) == 0x00);
	wait(1);
	CHECK(in(0x40) == 0x11);		/* without a latch, the bytes are of two counts */
	out(0x43, CHANNEL(0) | LATCH);
	wait(5);
	out(0x43, CHANNEL(0) | LATCH);		/* ignored: the first still waits */
	CHECK(read_both(0x40) == 0x11ff && read_both(0x40) == 0x11fa);
	wait(0x11f9);
	CHECK(read_both(0x40) == 1);
	wait(1);
	CHECK(read_both(0x40) == 0x1234);

	out(0x43, CHANNEL(1) | LOW | MODE(0));
	out(0x41, 3);
	wait(1);
	CHECK(in(0x41) == 3 && in(0x41) == 3);
	wait(4);
	CHECK(in(0x41) == 0xff);		/* and on, round the end */
	out(0x43, CHANNEL(1) | 0x20 | MODE(4));
	out(0x41, 3);
	wait(1);
	CHECK(in(0x41) == 3);
	wait(0x200);
	CHECK(in(0x41) == 1);

	out(0x43, CHANNEL(1) | BOTH | MODE(0) | 1);
	out(0x41, 0x00);
	out(0x41, 0x10);
	wait(2);
	CHECK(read_both(0x41) == 0x0999);
	wait(1000);
	CHECK(read_both(0x41) == 0x9999);
	out(0x43, CHANNEL(1) | BOTH | MODE(3) | 1);
	out(0x41, 0);
	out(0x41, 0);
	wait(2);
	CHECK(read_both(0x41) == 0x9998);	/* in mode 3, by two */
	wait(4998);
	CHECK(read_both(0x41) == 0x0002);
}

static void read_back(void)
{
	start();
	out(0x43, CHANNEL(0) | BOTH | MODE(7));
	out(0x43, CHANNEL(1) | LOW | MODE(4) | 1);
	out(0x43, 0xe6);
	CHECK(in(0x40) == 0xfe && in(0x41) == 0xd9);	/* OUT, no count, the word as it was */
	out(0x40, 100);
	out(0x43, 0xe2);
	CHECK(in(0x40) == 0xfe);
	out(0x40, 0);
	wait(1);
	out(0x43, 0xe2);
	CHECK(in(0x40) == 0xbe);			/* the count is in the counter */
	wait(50);
	out(0x43, 0xc2);				/* status and count */
	wait(50);
	out(0x43, 0xc2);
	CHECK(in(0x40) == 0x3e && read_both(0x40) == 100 && read_both(0x40) == 100);
	out(0x43, 0xd2);
	wait(1);
	out(0x43, CHANNEL(0) | LOW | MODE(2));		/* programmed anew: the latch is gone */
	out(0x40, 9);
	wait(3);
	CHECK(in(0x40) == 7);
}

/* IRQ 0. */
static void ticks(void)
{
	start();
	out(0x43, CHANNEL(0) | BOTH | MODE(2));
	out(0x40, 0xa9);
	out(0x40, 0x04);			/* 1193: 1000 times a second */
	u64 first = pulses_at(clock_ns) + 1194;

	CHECK(vpit_next(&pit) == ns_of(first));
	CHECK(!vpit_tick(&pit, ns_of(first) - 1) && vpit_tick(&pit, ns_of(first)));
	CHECK(!vpit_tick(&pit, ns_of(first)) && vpit_next(&pit) == ns_of(first + 1193));
	clock_ns = ns_of(first + 5 * 1193 + 7);
	in(0x40);				/* a look at the counter loses no tick */
	CHECK(vpit_next(&pit) <= clock_ns && vpit_tick(&pit, clock_ns));	/* five are one */
	CHECK(!vpit_tick(&pit, clock_ns) && vpit_next(&pit) == ns_of(first + 6 * 1193));

	out(0x43, CHANNEL(0) | LOW | MODE(0));
	CHECK(vpit_next(&pit) == UINT64_MAX);
	out(0x40, 10);
	CHECK(vpit_next(&pit) == ns_of(pulses_at(clock_ns) + 11));
	wait(100);
	CHECK(vpit_tick(&pit, clock_ns) && vpit_next(&pit) == UINT64_MAX);
	CHECK(!vpit_tick(&pit, UINT64_MAX - 1));
	out(0x43, CHANNEL(0) | LOW | MODE(0));
	out(0x43, CHANNEL(0) | LOW | MODE(2));	/* OUT rises by that */
	CHECK(vpit_next(&pit) <= clock_ns && vpit_tick(&pit, clock_ns));
	CHECK(!vpit_tick(&pit, clock_ns));
}

static void speaker(void)
{
	start();
	out(0x61, 0xff);
	CHECK((in(0x61) & 0xcf) == 0x0f && in_wide(0x61, 2) >> 8 == 0xff);
	out(0x61, 0);
	clock_ns = 0;
	CHECK(!(in(0x61) & 0x10));
	clock_ns = 15085;
	CHECK(in(0x61) & 0x10);
	clock_ns = 2 * 15085;
	CHECK(!(in(0x61) & 0x10));
}

/* Hundreds of years, and numbers of all kinds; the sanitizers look on. */
static void long_times(void)
{
	start();
	out(0x43, CHANNEL(0) | BOTH | MODE(3));
	out(0x40, 0);
	out(0x40, 0);
	clock_ns = UINT64_MAX / 2;
	CHECK(vpit_tick(&pit, clock_ns));
	CHECK(vpit_next(&pit) - clock_ns <= 54925416);
	CHECK(vpit_tick(&pit, vpit_next(&pit)));
	clock_ns = UINT64_MAX;
	CHECK(vpit_tick(&pit, clock_ns) && vpit_next(&pit) == UINT64_MAX);
	random_state = 1;
	for (int i = 0; i < 200000; i++) {
		static const u16 ports[] = { 0x40, 0x41, 0x42, 0x43, 0x43, 0x61 };
		u16 port = ports[below(6)];
		u8 size = 1 << below(3);

		if (!below(1000))
			vpit_reset(&pit);
		clock_ns = (u64)below(UINT32_MAX) << 32 >> below(64);
		out_wide(port, size, below(1 << 24) << 8 | below(256));
		in_wide(port, size);
		vpit_tick(&pit, (u64)below(UINT32_MAX) << 32 >> below(64));
	}
}

int main(void)
{
	power_on();
	waves();
	gates();
	new_counts();
	counters();
	read_back();
	ticks();
	speaker();
	long_times();
	return UNIT_END();
}
