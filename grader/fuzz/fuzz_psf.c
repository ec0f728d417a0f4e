/*
 * fuzz: Opens the input as a console font, and draws all of it. A font that is accepted has ASCII's
 *       letters, in a size that a screen can take, and all its glyphs lie within the file.
 * covers: lib/psf.c
 * size: 8192
 */
#include "fuzz.h"
#include "lib/errno.h"
#include "lib/psf.h"

/* What files begin with, or hardly anything would be reached. */
static const u8 psf1[] = { 0x36, 0x04 };
static const u32 psf2[] = { 0x864ab572, 0, 32 };	/* magic, version, headersize */

/* In a header of PSF 2, numbers of one byte: glyphs, bytes of each, height, width. */
static void tame(u8 *header)
{
	for (u32 i = 16; i < 32; i++)
		header[i] = i % 4 ? 0 : header[i];
	header[17] = 1;		/* 256 glyphs or more */
}

static void draw(const struct psf *font, const u8 *data, size_t size)
{
	u32 bytes = (font->width + 7) / 8;

	MUST(font->count >= 128);
	MUST(font->width >= 1 && font->width <= PSF_MAX_WIDTH);
	MUST(font->height >= 1 && font->height <= PSF_MAX_HEIGHT);
	MUST(font->glyphs >= data && font->glyphs <= data + size);
	MUST((u64)font->count * font->height * bytes <= (u64)(data + size - font->glyphs));
	for (u32 c = 0; c < font->count; c++) {
		for (u32 y = 0; y < font->height; y++)
			MUST(bytes == 4 || !(psf_line(font, c, y) << 8 * bytes));
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	u8 *copy = malloc(size ? size : 1);
	struct psf font;

	memcpy(copy, data, size);
	if (size && data[0] % 2 && size >= sizeof(psf1))
		memcpy(copy, psf1, sizeof(psf1));
	else if (size >= 32)
		memcpy(copy, psf2, sizeof(psf2));
	if (size >= 32 && data[0] % 4 == 0)
		tame(copy);
	if (!psf_open(&font, copy, size))
		draw(&font, copy, size);
	free(copy);
	return 0;
}
