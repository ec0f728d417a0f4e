/*
 * See screen.h. What is to be seen is in `cells`, in the format of VGA text mode; only a cell that
 * changes is drawn, since a framebuffer is slow.
 */
#include "core/screen.h"

#include "api.h"
#include "boot/multiboot.h"
#include "lib/printf.h"
#include "lib/psf.h"
#include "lib/string.h"
#include "mm/pmm.h"
#include "x86/insn.h"
#include "x86/paging.h"

#define VGA_TEXT	0xb8000
#define CRTC_INDEX	0x3d4
#define CRTC_DATA	0x3d5
#define CURSOR_START	0x0a
#define CURSOR_OFF	BIT(5)

#define MIN_COLUMNS	80
#define MIN_ROWS	25
#define MAX_COLUMNS	160
#define MAX_ROWS	50
#define BLANK		0x0720

/* VGA colours: bit 3 is intensity, bit 2 red, bit 1 green, bit 0 blue. */
#define HOST_COLOUR	0x7
static const u8 vm_colours[] = { 0xf, 0xa, 0xb, 0xe, 0xd, 0xc };

bool screen_on;
static u16 cells[MAX_ROWS * MAX_COLUMNS];
static u32 columns = MIN_COLUMNS, rows = MIN_ROWS;
static u32 next_row;			/* below it all is blank; can be `rows` */

/* The line that a channel writes. VMs take turns in the middle of a line; each has its own. */
static struct line {
	bool open;			/* begun, and not yet ended */
	u32 row, column;		/* where the next character goes; column can be `columns` */
	char name[HV_NAME_MAX + 2];	/* what it begins with: "name: " */
} lines[HV_MAX_VMS + 1];

/* ---- Drawing -------------------------------------------------------------------------------- */

static void (*draw)(u32 index);		/* NULL: the framebuffer is not mapped yet */
static struct psf font;
static u32 scale = 1;			/* of the font */

static void draw_text(u32 index)
{
	((volatile u16 *)phys_to_virt(hpa(VGA_TEXT)))[index] = cells[index];
}

static u32 pixel_of(u32 colour)
{
	const struct boot_screen *s = &boot_info.screen;
	u32 pixel = 0;

	for (u32 i = 0; i < 3; i++) {
		u32 value = (colour & BIT(2 - i) ? 0xaa : 0) + (colour & BIT(3) ? 0x55 : 0);

		pixel |= value >> (8 - s->size[i]) << s->position[i];
	}
	return pixel;
}

/* One line of a glyph's dots, each `scale` pixels wide. */
static void draw_line(u8 *at, u32 dots, u32 pixel)
{
	u32 bytes = (boot_info.screen.bits + 7) / 8;

	for (u32 x = 0; x < font.width * scale; x++, at += bytes) {
		u32 value = dots << (x / scale) & BIT(31) ? pixel : 0;

		if (bytes == 4)
			*(volatile u32 *)at = value;
		else
			for (u32 i = 0; i < bytes; i++)
				((volatile u8 *)at)[i] = (u8)(value >> 8 * i);
	}
}

static void draw_glyph(u32 index)
{
	const struct boot_screen *s = &boot_info.screen;
	u32 pixel = pixel_of(cells[index] >> 8);
	u8 *at = phys_to_virt(s->start);

	at += (u64)(index / columns) * font.height * scale * s->pitch;
	at += (u64)(index % columns) * font.width * scale * ((s->bits + 7) / 8);
	for (u32 y = 0; y < font.height * scale; y++, at += s->pitch)
		draw_line(at, psf_line(&font, cells[index] & 0x7f, y / scale), pixel);
}

/* ---- Text ----------------------------------------------------------------------------------- */

static void set_cell(u32 index, u16 value)
{
	if (cells[index] == value)
		return;
	cells[index] = value;
	if (draw)
		draw(index);
}

/* Make room at the bottom. A framebuffer scrolls in leaps, which takes fewer of them. */
static void scroll(void)
{
	u32 leap = boot_info.screen.graphics ? rows / 4 : 1;
	u32 total = columns * rows;

	for (u32 i = 0; i < total; i++)
		set_cell(i, i + leap * columns < total ? cells[i + leap * columns] : BLANK);
	for (u32 i = 0; i < ARRAY_SIZE(lines); i++) {
		lines[i].open = lines[i].open && lines[i].row >= leap;
		lines[i].row -= leap;
	}
	next_row -= leap;
}

static void open_line(struct line *l)
{
	if (next_row == rows)
		scroll();
	l->open = true;
	l->row = next_row++;
	l->column = 0;
}

static void put_glyph(struct line *l, u32 colour, char c)
{
	if (l->column >= columns)
		open_line(l);
	set_cell(l->row * columns + l->column++, (u16)(colour << 8 | ((u8)c < 0x7f ? c : '?')));
}

static void put(u32 channel, char c)
{
	u32 colour = channel ? vm_colours[(channel - 1) % ARRAY_SIZE(vm_colours)] : HOST_COLOUR;
	struct line *l = &lines[channel];

	if ((u8)c < ' ' && c != '\n' && c != '\t' && c != '\b')
		return;
	if (!l->open) {
		open_line(l);
		for (const char *name = l->name; *name && c != '\n'; name++)
			put_glyph(l, colour, *name);
	}
	if (c == '\n')
		l->open = false;
	else if (c == '\t')
		l->column = (u32)ROUND_UP(l->column + 1, 8);
	else if (c == '\b')
		l->column -= l->column > 0;
	else
		put_glyph(l, colour, c);
}

void screen_name(u32 channel, const char *name)
{
	snprintf(lines[channel].name, sizeof(lines[channel].name), "%s: ", name);
}

void screen_write(u32 channel, const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		put(channel, text[i]);
}

/* ---- Taking it over ------------------------------------------------------------------------- */

static u64 framebuffer_size(void)
{
	return (u64)boot_info.screen.pitch * boot_info.screen.height;
}

/* Can we draw on it? Then choose a size for the font: large, but 80 x 25 characters fit. */
static bool fit_graphics(void)
{
	const struct boot_screen *s = &boot_info.screen;

	if (s->bits < 15 || s->bits > 32 || s->height > 16384 || s->width > 16384 ||
	    s->pitch < s->width * ((s->bits + 7) / 8) || s->pitch > 16384 * 4 ||
	    s->start.v >= BIT(46))
		return false;
	for (u32 i = 0; i < 3; i++) {
		if (s->size[i] > 8 || s->position[i] > 24)
			return false;
	}
	while ((scale + 1) * MIN_COLUMNS * font.width <= s->width &&
	       (scale + 1) * MIN_ROWS * font.height <= s->height)
		scale++;
	columns = s->width / (font.width * scale);
	rows = s->height / (font.height * scale);
	if (columns > MAX_COLUMNS)
		columns = MAX_COLUMNS;
	if (rows > MAX_ROWS)
		rows = MAX_ROWS;
	return columns && rows >= 4;
}

static bool find_font(void)
{
	for (u32 i = 0; i < boot_info.module_count; i++) {
		const struct boot_module *m = &boot_info.module[i];

		if (!strcmp(m->name, "console.psf"))
			return !psf_open(&font, phys_to_virt(m->start), m->size);
	}
	return false;
}

static void draw_all(void)
{
	if (boot_info.screen.graphics)
		memset(phys_to_virt(boot_info.screen.start), 0, framebuffer_size());
	for (u32 i = 0; i < columns * rows; i++)
		draw(i);
}

void screen_init(void)
{
	const struct boot_screen *s = &boot_info.screen;

	if (s->graphics && (!find_font() || !fit_graphics()))
		return;
	for (u32 i = 0; i < columns * rows; i++)
		cells[i] = BLANK;
	screen_on = true;
	if (!s->graphics) {
		draw = draw_text;
		outb(CRTC_INDEX, CURSOR_START);
		outb(CRTC_DATA, CURSOR_OFF);
	} else if (s->start.v + framebuffer_size() <= GiB(4)) {
		draw = draw_glyph;		/* head.S has mapped as much */
	}
	if (draw)
		draw_all();
}

void screen_map(void)
{
	if (!screen_on || !boot_info.screen.graphics)
		return;
	paging_map_device(boot_info.screen.start, framebuffer_size());
	if (!draw) {
		draw = draw_glyph;
		draw_all();
	}
}
