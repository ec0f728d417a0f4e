/*
 * Fuzz targets of the pure folders, under AddressSanitizer and UBSan. A target is a file
 * fuzz_NAME.c with a function that libFuzzer calls with one input after the other, and with a head
 * that nestling/fuzz.py reads:
 *
 *     fuzz: what it does with an input
 *     covers: the files that it is about, within hv/; the lines of these are counted
 *     seeds: folders with inputs to start from, beside grader/fuzz/corpus/NAME
 *     size: of the longest input, in bytes
 *     dict: words that inputs have, each in quotes
 *
 * All but the first two may be left out.
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stdlib.h>

#include "lib/string.h"
#include "lib/types.h"

/** The target. @return 0; -1 keeps the input out of the corpus */
int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/** What must be true of the piece, whatever the input. */
#define MUST(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
			abort(); \
		} \
	} while (0)

/** An input that is read like a list of numbers. */
struct input {
	const u8 *at, *end;
};

static inline bool input_left(const struct input *in)
{
	return in->at < in->end;
}

/** The next number, of `bytes` bytes, low byte first. Behind the end are zeros. */
static inline u64 input_take(struct input *in, u32 bytes)
{
	u64 n = 0;

	for (u32 i = 0; i < bytes && input_left(in); i++)
		n |= (u64)*in->at++ << 8 * i;
	return n;
}

/** The next number below `n` <= 256, of one byte. */
static inline u32 input_below(struct input *in, u32 n)
{
	return (u32)input_take(in, 1) % n;
}

#endif
