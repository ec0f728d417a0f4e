/**
 * @file clock.h
 * Time, in nanoseconds, from the TSC. How fast that counts is measured when somebody asks for the
 * first time: most VMs never do.
 */
#ifndef CORE_CLOCK_H
#define CORE_CLOCK_H

#include "lib/types.h"

/** No such time: further away than a machine runs, 36 years. */
#define CLOCK_FOREVER BIT(60)

/** Nanoseconds that the TSC has counted; never goes back. */
u64 clock_now(void);
/** The TSC when clock_now() will be `ns`; INT64_MAX from CLOCK_FOREVER on. */
u64 clock_tsc(u64 ns);
/** Seconds since 1970-01-01 UTC, as this machine's real-time clock says. */
u64 clock_wall(void);

#endif
