/* RDRAND, which needs no privilege (SDM vol. 1, 7.3.17). */
#ifndef LIB_RDRAND_H
#define LIB_RDRAND_H

#include "lib/cpuid.h"
#include "lib/types.h"

/** Does this CPU have it? */
static inline bool rdrand_exists(void)
{
	return cpuid(1, 0).ecx & BIT(30);
}

/** 64 random bits. @return false: it has none just now */
static inline bool rdrand(u64 *word)
{
	bool done;

	asm volatile("rdrand %0" : "=r"(*word), "=@ccc"(done));
	return done;
}

#endif
