/**
 * @file vscreen.h
 * What a kernel expects of a VGA in text mode: registers that keep what is written, a retrace that
 * comes, and the text itself, which is guest memory. Pure.
 *
 * Nothing that is written changes the mode: it's 80x25 characters in colour.
 */
#ifndef DEV_VSCREEN_H
#define DEV_VSCREEN_H

#include "lib/printf.h"
#include "lib/types.h"

#define VSCREEN_PORT	0x3c0
#define VSCREEN_PORTS	32
#define VSCREEN_MEMORY	0xb8000		/* of a cell: the character, then its colours */
#define VSCREEN_SIZE	KiB(32)
#define VSCREEN_COLUMNS	80
#define VSCREEN_ROWS	25

/** An index register and what is behind it; of registers that don't exist, too. */
struct vscreen_bank {
	u8 index;
	u8 value[32];
};

/** Any contents are safe that come from vscreen_reset() and the functions below. */
struct vscreen {
	struct vscreen_bank attribute, sequencer, graphics, crtc;
	u8 misc, feature;
	u8 dac_mask;
	u8 dac[256 * 3];	/**< red, green, blue */
	u16 dac_read, dac_write;	/**< next, an index of `dac` */
	bool attribute_value;	/**< the next write to the attribute port is not an index */
	bool retrace;		/**< as of the last look */
};

/** Mode 3: the cursor is in the upper left corner, the text's first page is shown. */
void vscreen_reset(struct vscreen *s);

/** bus_handler for the ports at VSCREEN_PORT; a wide access is one to each port in turn. */
void vscreen_access(void *dev, u16 offset, u8 size, bool in, u32 *value);

/** The first cell that is shown. @return cells from VSCREEN_MEMORY on, below VSCREEN_SIZE / 2 */
u16 vscreen_start(const struct vscreen *s);

/**
 * Write a screen as lines of ASCII; blanks at the end of a line are left out, so are empty lines at
 * the end. Lines and boxes are drawn with + - |, letters lose their accents, the rest is a dot.
 * @param cells  VSCREEN_ROWS times VSCREEN_COLUMNS, as they are in guest memory: code page 437
 */
void vscreen_text(const u16 *cells, format_put put, void *ctx);

#endif
