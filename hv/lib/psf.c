/* See psf.h. The formats are in the kbd package: psf.h, psffontop.c. */
#include "lib/psf.h"

#include "lib/errno.h"
#include "lib/string.h"

#define PSF1_MAGIC	0x0436
#define PSF1_MODE512	BIT(0)

struct psf1_header {
	u16 magic;
	u8 mode, charsize;	/* charsize: also the height; the width is 8 */
} __packed;

#define PSF2_MAGIC	0x864ab572

struct psf2_header {
	u32 magic, version, headersize, flags, length, charsize, height, width;
};

static u32 line_bytes(const struct psf *font)
{
	return (font->width + 7) / 8;
}

int psf_open(struct psf *font, const u8 *data, u64 size)
{
	struct psf1_header h1;
	struct psf2_header h2;
	u64 start = 0;

	*font = (struct psf){ .count = 0 };
	if (size >= sizeof(h1)) {
		memcpy(&h1, data, sizeof(h1));
		if (h1.magic == PSF1_MAGIC) {
			start = sizeof(h1);
			*font = (struct psf){ .count = h1.mode & PSF1_MODE512 ? 512 : 256,
					      .width = 8, .height = h1.charsize };
		}
	}
	if (size >= sizeof(h2)) {
		memcpy(&h2, data, sizeof(h2));
		if (h2.magic == PSF2_MAGIC) {
			start = h2.headersize;
			*font = (struct psf){ .count = h2.length,
					      .width = h2.width, .height = h2.height };
		}
	}
	if (font->count < 128 || !font->width || font->width > PSF_MAX_WIDTH ||
	    !font->height || font->height > PSF_MAX_HEIGHT || start > size ||
	    (u64)font->count * font->height * line_bytes(font) > size - start)
		return -EINVAL;
	font->glyphs = data + start;
	return 0;
}

u32 psf_line(const struct psf *font, u32 c, u32 y)
{
	u32 bytes = line_bytes(font), line = 0;
	const u8 *at = font->glyphs + ((u64)c * font->height + y) * bytes;

	for (u32 i = 0; i < bytes; i++)
		line |= (u32)at[i] << (24 - 8 * i);
	return line;
}
