/* For the tests of dev/vpit.c: a timer, its clock, and how a guest gets at it. */
#ifndef VPIT_PORTS_H
#define VPIT_PORTS_H

#include "dev/vpit.h"

static u64 clock_ns;

static u64 clock_now(void *ctx)
{
	return clock_ns;
}

static struct vpit pit = { .now = clock_now };

static void access_at(u16 port, u8 size, bool is_in, u32 *value)
{
	if (port == VPIT_SPEAKER)
		vpit_speaker_access(&pit, 0, size, is_in, value);
	else
		vpit_access(&pit, port - VPIT_PORT, size, is_in, value);
}

static u32 in_wide(u16 port, u8 size)
{
	u32 v = 0xdeadbeef;

	access_at(port, size, true, &v);
	return v;
}

static u8 in(u16 port)
{
	return (u8)in_wide(port, 1);
}

static void out_wide(u16 port, u8 size, u32 v)
{
	access_at(port, size, false, &v);
}

static void out(u16 port, u8 v)
{
	out_wide(port, 1, v);
}

/* The first nanosecond at which so many pulses have come. */
static u64 ns_of(u64 pulses)
{
	return (u64)(((unsigned __int128)pulses * 1000000000 + 1193181) / 1193182);
}

static u64 pulses_at(u64 ns)
{
	return (u64)((unsigned __int128)ns * 1193182 / 1000000000);
}

#endif
