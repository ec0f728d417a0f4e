/* Numbers for random tests, the same in each run. */
#ifndef UNIT_RANDOM_H
#define UNIT_RANDOM_H

#include "lib/types.h"

static u32 random_state;

static u32 below(u32 n)
{
	random_state = random_state * 1664525 + 1013904223;
	return (u64)random_state * n >> 32;	/* the low bits repeat soon */
}

#endif
