/*
 * fuzz: Makes a conversion of the input, and prints a value with it: the same as the host prints.
 * covers: lib/printf.c
 * size: 32
 */
#include "fuzz.h"
#include "lib/printf.h"

#undef snprintf		/* from here on it's the host's, and ours is hv_snprintf */

#define ROOM 64

struct conversion {
	char format[16];	/* with two stars, for width and precision */
	char letter;
	u32 length;		/* index of lengths[] */
};

static const char *const lengths[] = { "hh", "h", "", "l", "ll", "z" };

/* `#` is left out: we put 0x before a zero, too. So is what the standard does not define. */
static struct conversion make_conversion(struct input *in)
{
	static const char *const flags[] = { "", "-", "0", "-0" };
	static const char letters[] = "diuxXsc";
	struct conversion c = { .letter = letters[input_below(in, sizeof(letters) - 1)] };
	bool number = c.letter != 's' && c.letter != 'c';
	u32 flag = input_below(in, number ? 4 : 2);

	c.length = number ? input_below(in, ARRAY_SIZE(lengths)) : 2;
	snprintf(c.format, sizeof(c.format), "<%%%s*%s%s%c>", flags[flag],
		 c.letter == 's' ? ".*" : "", lengths[c.length], c.letter);
	return c;
}

#define SAME(room, ...) \
	do { \
		char ours[ROOM], theirs[ROOM]; \
		size_t n = hv_snprintf(ours, room, __VA_ARGS__); \
		MUST(n == (size_t)snprintf(theirs, room, __VA_ARGS__)); \
		MUST(!strcmp(ours, theirs)); \
	} while (0)

#pragma clang diagnostic ignored "-Wformat-nonliteral"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, data + size };
	struct conversion c = make_conversion(&in);
	int width = (int)input_below(&in, 50), precision = (int)input_below(&in, 50);
	size_t room = 1 + input_below(&in, ROOM);
	u64 value = input_take(&in, 8);
	char text[24];

	if (c.letter == 's') {
		for (u32 i = 0; i < sizeof(text); i++)
			text[i] = (char)input_take(&in, 1);
		text[sizeof(text) - 1] = '\0';
		SAME(room, c.format, width, precision, text);
	} else if (c.letter == 'c') {
		SAME(room, c.format, width, (int)(1 + value % 255));
	} else if (c.length < 3) {
		SAME(room, c.format, width, (int)value);
	} else {
		SAME(room, c.format, width, value);
	}
	return 0;
}
