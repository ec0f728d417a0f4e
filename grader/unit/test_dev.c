/* dev/bus.c and dev/vuart.c: who answers where, in which size; the UART's registers. */
#include "dev/bus.h"
#include "dev/vuart.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "unit.h"

static char sent[16];
static int sent_count;

static void send(void *ctx, char c)
{
	if (sent_count < 15)
		sent[sent_count++] = c;
	sent[sent_count] = '\0';
}

static struct vuart uart = { .send = send };
static struct bus bus;

static u32 in(u16 port, u8 size)
{
	u32 v = 0xdeadbeef;

	bus_port_access(&bus, port, size, true, &v);
	return v;
}

static void out(u16 port, u8 size, u32 v)
{
	bus_port_access(&bus, port, size, false, &v);
}

static void claims(void)
{
	CHECK(bus_claim(&bus, 0x3f8, 8, vuart_access, &uart) == 0);
	CHECK(bus_claim(&bus, 0x3ff, 1, vuart_access, &uart) == -EEXIST);
	CHECK(bus_claim(&bus, 0x3f0, 9, vuart_access, &uart) == -EEXIST);
	CHECK(bus_claim(&bus, 0x400, 1, vuart_access, &uart) == 0);
	bus.ranges--;
	for (u16 i = 1; i < BUS_MAX_PORTS; i++)
		CHECK(bus_claim(&bus, i, 1, vuart_access, &uart) == 0);
	CHECK(bus_claim(&bus, 0x500, 1, vuart_access, &uart) == -ENOSPC);
	bus.ranges = 1;
}

static void unclaimed(void)
{
	CHECK(in(0x80, 1) == 0xff && in(0x80, 2) == 0xffff && in(0x80, 4) == 0xffffffff);
	CHECK(in(0xffff, 4) == 0xffffffff);
	out(0x80, 4, 1);
}

static void registers(void)
{
	CHECK(in(0x3fd, 1) == 0x60 && in(0x3fa, 1) == 0x01 && in(0x3fe, 1) == 0xb0);
	out(0x3ff, 1, 0x5a);
	CHECK(in(0x3ff, 1) == 0x5a);
	out(0x3f9, 1, 0xff);
	CHECK(in(0x3f9, 1) == 0x0f);
	out(0x3fb, 1, 0x83);			/* DLAB: the first two are the divisor */
	out(0x3f8, 2, 0x1234);
	CHECK(in(0x3f8, 1) == 0x34 && in(0x3f9, 1) == 0x12 && in(0x3f8, 2) == 0x1234);
	CHECK(sent_count == 0);
	out(0x3fb, 1, 0x03);
	CHECK(in(0x3f8, 1) == 0 && in(0x3f9, 1) == 0x0f);
	out(0x3f8, 1, 'a');
	out(0x3f8, 1, 0x100 | 'b');
	CHECK_TEXT(sent, "ab");
	out(0x3fd, 1, 0);			/* LSR is read-only */
	CHECK(in(0x3fd, 1) == 0x60);
}

static void wide(void)
{
	out(0x3ff, 1, 0x77);
	CHECK(in(0x3ff, 4) == 0xffffff77);	/* nothing beyond the last register */
	CHECK(in(0x3fd, 2) == 0xb060);
	out(0x3fe, 4, 0x11223344);
	CHECK(in(0x3ff, 1) == 0x33);
}

int main(void)
{
	claims();
	unclaimed();
	registers();
	wide();
	return UNIT_END();
}
