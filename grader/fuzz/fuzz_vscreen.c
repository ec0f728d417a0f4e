/*
 * fuzz: Uses the registers of the screen, then reads the input as its text. State stays in range;
 *       lines are printable, not too many or too long, and don't end in blanks.
 * covers: dev/vscreen.c
 * size: 4096
 */
#include "dev/vscreen.h"
#include "fuzz.h"

struct lines {
	u32 rows, columns;
	char last;
};

static void put(void *ctx, char c)
{
	struct lines *l = ctx;

	if (c == '\n') {
		MUST(++l->rows <= VSCREEN_ROWS && l->last != ' ');
		l->columns = 0;
	} else {
		MUST(c >= ' ' && c <= '~');
		MUST(++l->columns <= VSCREEN_COLUMNS);
	}
	l->last = c;
}

static void check_text(const u8 *data, size_t size)
{
	size_t room = (size_t)VSCREEN_ROWS * VSCREEN_COLUMNS * sizeof(u16);
	u16 *cells = calloc(1, room);		/* to its end and no further */
	struct lines l = { .last = 'x' };

	memcpy(cells, data, size < room ? size : room);
	vscreen_text(cells, put, &l);
	MUST(!l.columns);
	free(cells);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, data + (size < 256 ? size : 256) };
	struct vscreen screen;

	vscreen_reset(&screen);
	while (input_left(&in)) {
		u32 how = input_below(&in, 6);
		u16 offset = (u16)input_below(&in, VSCREEN_PORTS);
		u8 bytes = (u8)(1 << how % 3);
		u32 value = how < 3 ? (u32)input_take(&in, bytes) : 0;

		vscreen_access(&screen, offset, bytes, how >= 3, &value);
		MUST(vscreen_start(&screen) < VSCREEN_SIZE / 2);
		MUST(screen.dac_read < sizeof(screen.dac));
		MUST(screen.dac_write < sizeof(screen.dac));
	}
	check_text(data, size);
	return 0;
}
