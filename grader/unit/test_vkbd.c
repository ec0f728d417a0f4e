/* dev/vkbd.c: what kernels write to set the keyboard up, and the ways to reset. */
#include "dev/vkbd.h"
#include "random.h"
#include "unit.h"

static struct vkbd kbd;

static void access_at(u16 port, u8 size, bool is_in, u32 *value)
{
	switch (port) {
	case 0x60: vkbd_data_access(&kbd, 0, size, is_in, value); break;
	case 0x64: vkbd_command_access(&kbd, 0, size, is_in, value); break;
	case 0x92: vkbd_fast_a20_access(&kbd, 0, size, is_in, value); break;
	default: vkbd_reset_access(&kbd, 0, size, is_in, value);
	}
}

static u8 in(u16 port)
{
	u32 v = 0;

	access_at(port, 1, true, &v);
	return (u8)v;
}

static void out(u16 port, u32 v)
{
	access_at(port, 1, false, &v);
}

/* The next byte, or -1 if none waits. */
static int answer(void)
{
	return in(0x64) & 1 ? in(0x60) : -1;
}

static void nothing(void)
{
	vkbd_reset(&kbd);
	CHECK(in(0x64) == 0x14 && answer() == -1 && !vkbd_irq(&kbd));	/* as xv6 polls */
	CHECK(in(0x60) == 0 && !vkbd_irq_fell(&kbd) && !vkbd_reset_wanted(&kbd));
	u32 v;

	access_at(0x60, 2, true, &v);
	CHECK(v == 0xff00);
}

/* As Linux does it. */
static void controller(void)
{
	vkbd_reset(&kbd);
	out(0x64, 0x20);
	CHECK(in(0x64) == 0x1d && answer() == 0x65 && answer() == -1);
	out(0x64, 0x60);
	out(0x60, 0x54);
	CHECK(!(in(0x64) & 0x08));
	out(0x64, 0xaa);
	CHECK(answer() == 0x55);
	out(0x64, 0xab);
	CHECK(answer() == 0x00);
	out(0x64, 0x20);
	CHECK(answer() == 0x54);
	out(0x64, 0xae);
	out(0x64, 0x20);
	CHECK(answer() == 0x44);
	out(0x64, 0xad);
	out(0x64, 0x20);
	CHECK(answer() == 0x54);
	out(0x64, 0xa8);
	out(0x64, 0xd3);			/* is there a port for a mouse? */
	out(0x60, 0x5a);
	CHECK((in(0x64) & 0x21) == 0x21 && !vkbd_irq(&kbd) && answer() == 0x5a);
	out(0x64, 0xa9);
	CHECK(answer() == 0x00);
	out(0x64, 0xd4);			/* but no mouse */
	out(0x60, 0xf2);
	CHECK((in(0x64) & 0x61) == 0x61 && answer() == 0xfe);
	out(0x64, 0xd2);
	out(0x60, 0x1e);
	CHECK(answer() == 0x1e);
	out(0x64, 0x7f);
	out(0x60, 0x12);
	out(0x64, 0x3f);
	CHECK(answer() == 0x12);
}

static void keyboard(void)
{
	vkbd_reset(&kbd);
	out(0x60, 0xff);
	CHECK(answer() == 0xfa && answer() == 0xaa && answer() == -1);
	out(0x60, 0xf5);
	CHECK(answer() == 0xfa);
	out(0x60, 0xf2);
	CHECK(answer() == 0xfa && answer() == 0xab && answer() == 0x41);
	out(0x60, 0xed);
	CHECK(answer() == 0xfa);
	out(0x60, 0x07);
	CHECK(answer() == 0xfa && answer() == -1);
	out(0x60, 0xf3);
	out(0x60, 0x20);
	CHECK(answer() == 0xfa && answer() == 0xfa);
	out(0x60, 0xed);
	out(0x60, 0xf4);			/* changed its mind */
	CHECK(answer() == 0xfa && answer() == 0xfa);
	out(0x60, 0x07);
	CHECK(answer() == 0xfe);		/* so this is no command */
	out(0x60, 0xee);
	CHECK(answer() == 0xee);
	out(0x60, 0xfe);
	CHECK(answer() == 0xee);
}

/* As GRUB and memtest86+ do it. */
static void scancodes(void)
{
	vkbd_reset(&kbd);
	out(0x60, 0xf0);
	out(0x60, 0x00);
	CHECK(answer() == 0xfa && answer() == 0xfa && answer() == 0x41);
	out(0x64, 0x60);
	out(0x60, 0x05);			/* no translation */
	out(0x60, 0xf0);
	out(0x60, 0x01);
	CHECK(answer() == 0xfa && answer() == 0xfa);
	out(0x60, 0xf0);
	out(0x60, 0x00);
	CHECK(answer() == 0xfa && answer() == 0xfa && answer() == 0x01);
	out(0x60, 0xf2);
	CHECK(answer() == 0xfa && answer() == 0xab && answer() == 0x83);
	out(0x60, 0xf0);
	out(0x60, 0x77);
	out(0x60, 0xf0);
	out(0x60, 0x00);
	for (int i = 0; i < 4; i++)
		CHECK(answer() == 0xfa);
	CHECK(answer() == 0x01 && answer() == -1);
}

static void interrupts(void)
{
	vkbd_reset(&kbd);
	out(0x60, 0xff);
	CHECK(vkbd_irq(&kbd) && !vkbd_irq_fell(&kbd));
	in(0x60);
	CHECK(vkbd_irq(&kbd) && vkbd_irq_fell(&kbd));	/* low for an instant */
	in(0x60);
	CHECK(!vkbd_irq(&kbd) && vkbd_irq_fell(&kbd));
	out(0x64, 0x60);
	out(0x60, 0x44);
	out(0x60, 0xee);
	CHECK(!vkbd_irq(&kbd));				/* not wanted */
}

static void a20(void)
{
	vkbd_reset(&kbd);
	CHECK(in(0x92) == 0x02);
	out(0x64, 0xd1);
	out(0x60, 0xdd);
	CHECK(in(0x92) == 0x00);
	out(0x64, 0xd0);
	CHECK(answer() == 0xc1);
	out(0x92, 0x02);
	out(0x64, 0xd0);
	CHECK(answer() == 0xc3);
	out(0x64, 0xdd);
	CHECK(in(0x92) == 0x00);
	out(0x64, 0xdf);
	CHECK(in(0x92) == 0x02 && !vkbd_reset_wanted(&kbd));
}

static bool resets(u16 port, u8 first, u16 then, u8 second)
{
	vkbd_reset(&kbd);
	out(port, first);
	if (vkbd_reset_wanted(&kbd))
		printf("0x%x: too early\n", port);
	out(then, second);
	return vkbd_reset_wanted(&kbd);
}

static void reset(void)
{
	CHECK(resets(0x64, 0xff, 0x64, 0xfe) && !resets(0x64, 0xff, 0x64, 0xfd));
	CHECK(resets(0x64, 0xd1, 0x60, 0xfe) && !resets(0x64, 0xd1, 0x60, 0x01));
	CHECK(resets(0x92, 0x02, 0x92, 0x03) && !resets(0x92, 0x02, 0x92, 0xfe));
	CHECK(resets(0xcf9, 0x02, 0xcf9, 0x06) && !resets(0xcf9, 0x00, 0xcf9, 0x0a));
	CHECK(in(0xcf9) == 0x0a);
}

static void noise(void)
{
	static const u16 ports[] = { 0x60, 0x60, 0x64, 0x92, 0xcf9 };

	vkbd_reset(&kbd);
	random_state = 1;
	for (int i = 0; i < 300000; i++) {
		u32 v = below(1 << 24) << 8 | below(256);

		access_at(ports[below(5)], 1 << below(3), below(2), &v);
		CHECK(kbd.count <= VKBD_QUEUE && kbd.scancodes >= 1 && kbd.scancodes <= 3);
	}
}

int main(void)
{
	nothing();
	controller();
	keyboard();
	scancodes();
	interrupts();
	a20();
	reset();
	noise();
	return UNIT_END();
}
