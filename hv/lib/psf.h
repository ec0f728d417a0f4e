/**
 * @file psf.h
 * Fonts of the Linux console: PSF versions 1 and 2. Only the glyphs are used; the first 128 of the
 * fonts that distributions have are in ASCII's order.
 */
#ifndef LIB_PSF_H
#define LIB_PSF_H

#include "lib/types.h"

#define PSF_MAX_WIDTH	32
#define PSF_MAX_HEIGHT	64

struct psf {
	const u8 *glyphs;	/**< `count` glyphs of `height` lines of whole bytes */
	u32 count;		/**< at least 128 */
	u32 width, height;	/**< in dots: 1 to PSF_MAX_WIDTH, 1 to PSF_MAX_HEIGHT */
};

/** Read the font in `data`, which stays in use. @return 0; -EINVAL: it is none, or a strange one */
int psf_open(struct psf *font, const u8 *data, u64 size);

/**
 * One line of a glyph. The leftmost dot is bit 31.
 * @param c  below font->count
 * @param y  below font->height
 */
u32 psf_line(const struct psf *font, u32 c, u32 y);

#endif
