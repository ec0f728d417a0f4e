/* For the tests of dev/vpic.c: a pair of chips, and how a guest gets at it. */
#ifndef VPIC_PORTS_H
#define VPIC_PORTS_H

#include "dev/vpic.h"

#define NONSPECIFIC_EOI	0x20
#define ROTATE_AEOI_OFF	0x00
#define ROTATE_AEOI_ON	0x80
#define ROTATE_EOI	0xa0
#define SPECIFIC_EOI	0x60	/* + level; so are the next two */
#define SET_PRIORITY	0xc0
#define ROTATE_SPECIFIC	0xe0
#define READ_IRR	0x0a
#define READ_ISR	0x0b
#define POLL		0x0c
#define SMM_OFF		0x48
#define SMM_ON		0x68

static struct vpic pic;

static void access_at(struct vpic *p, u16 port, u8 size, bool is_in, u32 *value)
{
	if (port >= VPIC_ELCR)
		vpic_elcr_access(p, port - VPIC_ELCR, size, is_in, value);
	else if (port >= VPIC_SLAVE)
		vpic_slave_access(p, port - VPIC_SLAVE, size, is_in, value);
	else
		vpic_master_access(p, port - VPIC_MASTER, size, is_in, value);
}

static u32 in_wide(u16 port, u8 size)
{
	u32 v = 0xdeadbeef;

	access_at(&pic, port, size, true, &v);
	return v;
}

static u32 in(u16 port)
{
	return in_wide(port, 1);
}

static void out_wide(u16 port, u8 size, u32 v)
{
	access_at(&pic, port, size, false, &v);
}

static void out(u16 port, u8 v)
{
	out_wide(port, 1, v);
}

/* What a port reads as, without a change of the state. `ocw3`: written to `command` first */
static u32 peek(u16 command, u8 ocw3, u16 port)
{
	struct vpic copy = pic;
	u32 v = ocw3;

	access_at(&copy, command, 1, false, &v);
	access_at(&copy, port, 1, true, &v);
	return v;
}

/* A chip's READ_IRR or READ_ISR. */
static u32 look(u16 command, u8 which)
{
	return peek(command, which, command);
}

#endif
