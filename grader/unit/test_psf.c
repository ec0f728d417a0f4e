/* lib/psf.c: fonts of both formats, and files that lie. */
#include <stdlib.h>

#include "lib/errno.h"
#include "lib/psf.h"
#include "lib/string.h"
#include "unit.h"

#define PSF2_GLYPHS	200
#define PSF2_HEADER	40	/* longer than it has to be */
#define PSF2_WIDTH	12
#define PSF2_HEIGHT	3

/* A version 1 font with 256 glyphs of 2 lines, glyph c being c, ~c. @return its size */
static u64 make1(u8 *file)
{
	u64 size = 4;

	memcpy(file, "\x36\x04\x00\x02", 4);
	for (u32 c = 0; c < 256; c++) {
		file[size++] = (u8)c;
		file[size++] = (u8)~c;
	}
	return size;
}

/* A version 2 font, whose glyph c is c, ~c in each line. */
static u64 make2(u8 *file)
{
	const u32 header[] = { 0x864ab572, 0, PSF2_HEADER, 0, PSF2_GLYPHS,
			       2 * PSF2_HEIGHT, PSF2_HEIGHT, PSF2_WIDTH };
	u64 size = PSF2_HEADER;

	memset(file, 0, PSF2_HEADER);
	memcpy(file, header, sizeof(header));
	for (u32 i = 0; i < PSF2_GLYPHS * PSF2_HEIGHT; i++) {
		file[size++] = (u8)(i / PSF2_HEIGHT);
		file[size++] = (u8)~(i / PSF2_HEIGHT);
	}
	return size;
}

/* psf_open() on a copy that ends where the file does, so that reading on would be seen. */
static int open_copy(const u8 *file, u64 size, struct psf *font)
{
	u8 *copy = malloc(size ?: 1);
	volatile u32 sum = 0;	/* or nothing would be read */
	int err;

	memcpy(copy, file, size);
	err = psf_open(font, copy, size);
	for (u32 c = 0; !err && c < font->count; c++) {
		for (u32 y = 0; y < font->height; y++)
			sum ^= psf_line(font, c, y);
	}
	free(copy);
	return err;
}

static void good(void)
{
	static u8 file[4096];
	struct psf font;
	u64 size = make1(file);

	CHECK(psf_open(&font, file, size) == 0);
	CHECK(font.count == 256 && font.width == 8 && font.height == 2);
	CHECK(psf_line(&font, 'A', 0) == (u32)'A' << 24);
	CHECK(psf_line(&font, 255, 1) == 0);
	file[2] = 1;	/* 512 glyphs, which are not there */
	CHECK(psf_open(&font, file, size) == -EINVAL);

	size = make2(file);
	CHECK(psf_open(&font, file, size) == 0);
	CHECK(font.count == PSF2_GLYPHS && font.width == PSF2_WIDTH && font.height == PSF2_HEIGHT);
	CHECK(psf_line(&font, 'A', 2) == 0x41be0000);
}

static void cut(void)
{
	static u8 file[4096];
	struct psf font;

	for (u64 size = make1(file); size-- > 0;)
		CHECK(open_copy(file, size, &font) == -EINVAL);
	for (u64 size = make2(file); size-- > 0;)
		CHECK(open_copy(file, size, &font) == -EINVAL);
}

/* Each word of the header with each of these in it: refused, or read within bounds. */
static void lies(void)
{
	static const u32 values[] = { 0, 1, 8, 31, 32, 33, 64, 65, 127, 128, 255, 0x7fffffff,
				      0x80000000, 0xaaaaaaab, 0xffffffd8, 0xffffffff };
	static u8 file[4096];
	struct psf font;
	u64 size;

	for (u32 word = 0; word < 8; word++) {
		for (u32 i = 0; i < ARRAY_SIZE(values); i++) {
			size = make2(file);
			memcpy(file + 4 * word, &values[i], 4);
			if (!open_copy(file, size, &font))
				CHECK(font.count >= 128 && font.width <= PSF_MAX_WIDTH &&
				      font.height <= PSF_MAX_HEIGHT);
		}
	}
}

int main(void)
{
	good();
	cut();
	lies();
	return UNIT_END();
}
