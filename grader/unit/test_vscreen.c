/* dev/vscreen.c: registers, the retrace, and what a screen looks like as text. */
#include "dev/vscreen.h"
#include "lib/string.h"
#include "random.h"
#include "unit.h"

static struct vscreen screen;
static u16 cells[VSCREEN_ROWS * VSCREEN_COLUMNS];
static char text[VSCREEN_ROWS * (VSCREEN_COLUMNS + 1) + 1];
static u32 text_length;

static u8 in(u16 port)
{
	u32 v = 0;

	vscreen_access(&screen, port - VSCREEN_PORT, 1, true, &v);
	return (u8)v;
}

static void out_wide(u16 port, u8 size, u32 v)
{
	vscreen_access(&screen, port - VSCREEN_PORT, size, false, &v);
}

static void out(u16 port, u8 v)
{
	out_wide(port, 1, v);
}

static void put(void *ctx, char c)
{
	text[text_length++] = c;
}

static const char *shown(void)
{
	text_length = 0;
	vscreen_text(cells, put, NULL);
	text[text_length] = '\0';
	return text;
}

static void write_at(u32 row, u32 column, const char *what)
{
	for (u32 i = 0; what[i]; i++)
		cells[row * VSCREEN_COLUMNS + column + i] = 0x0700 | (u8)what[i];
}

static void registers(void)
{
	vscreen_reset(&screen);
	CHECK(in(0x3cc) == 0x67);		/* colour: the CRTC is at 0x3d4 */
	out(0x3d4, 0x0f);
	out(0x3d5, 0x5a);
	out_wide(0x3d4, 2, 0xa50e);
	CHECK(in(0x3d4) == 0x0e && in(0x3d5) == 0xa5);
	out(0x3d4, 0x0f);
	CHECK(in(0x3d5) == 0x5a && vscreen_start(&screen) == 0);
	out_wide(0x3d4, 2, 0x010c);
	out_wide(0x3d4, 2, 0x400d);
	CHECK(vscreen_start(&screen) == 0x140);
	out_wide(0x3d4, 2, 0xff0c);
	CHECK(vscreen_start(&screen) == 0x3f40);
	out_wide(0x3c4, 2, 0x0302);
	out_wide(0x3ce, 2, 0x0c06);
	CHECK(in(0x3c5) == 0x03 && in(0x3cf) == 0x0c);
	out(0x3d4, 0xff);
	out(0x3d5, 0x11);			/* no such register: harmless */

	in(0x3da);
	out(0x3c0, 0x10);
	out(0x3c0, 0x0c);
	out(0x3c0, 0x30);
	in(0x3da);				/* the next is an index again */
	out(0x3c0, 0x10);
	CHECK(in(0x3c0) == 0x10 && in(0x3c1) == 0x0c);
	out(0x3c8, 255);
	for (u8 i = 1; i <= 4; i++)
		out(0x3c9, 0xc0 | i);
	out(0x3c7, 255);
	CHECK(in(0x3c9) == 1 && in(0x3c9) == 2 && in(0x3c9) == 3 && in(0x3c9) == 4);
	out(0x3c2, 0x63);
	CHECK(in(0x3cc) == 0x63 && in(0x3c3) == 0xff);
}

static void retrace(void)
{
	u8 first = in(0x3da), second = in(0x3da);

	CHECK((first ^ second) == 0x09 && in(0x3da) == first && in(0x3da) == second);
}

static void screens(void)
{
	CHECK_TEXT(shown(), "");
	for (u32 i = 0; i < ARRAY_SIZE(cells); i++)
		cells[i] = 0x0720;
	CHECK_TEXT(shown(), "");
	write_at(0, 0, "Hello,  world ");
	write_at(2, 3, "\xda\xc4\xc2\xbf \xb3 \xc9\xcd\xbb\xba");
	write_at(3, 0, "\x81\x01~\x7f\xff");
	CHECK_TEXT(shown(), "Hello,  world\n\n   +-++ | +-+|\nu.~.\n");
	write_at(24, 79, "x");
	CHECK(text_length == 35 && strlen(shown()) == 35 + 20 + 81);
	for (u32 i = 0; i < ARRAY_SIZE(cells); i++)
		cells[i] = (u16)(i % 256 | 0xff00);
	shown();
	for (u32 i = 0; i < text_length; i++)
		CHECK(text[i] == '\n' || (text[i] >= ' ' && text[i] <= '~'));
}

static void noise(void)
{
	random_state = 1;
	for (int i = 0; i < 300000; i++) {
		u32 v = below(1 << 24) << 8 | below(256);

		vscreen_access(&screen, below(32), 1 << below(3), below(2), &v);
		CHECK(vscreen_start(&screen) < VSCREEN_SIZE / 2);
	}
}

int main(void)
{
	registers();
	retrace();
	screens();
	noise();
	return UNIT_END();
}
