/**
 * @file apic.h
 * This CPU's local APIC (SDM vol. 3, chapter 10): its id and its timer.
 */
#ifndef X86_APIC_H
#define X86_APIC_H

#include "lib/types.h"

#define APIC_BASE 0xfee00000ull	/* physical */

/** Switch the local APIC on and the old interrupt controllers off. */
void apic_init(void);
u32 apic_id(void);
/** Interrupt this CPU with VECTOR_TIMER about every `ticks` of the TSC, again and again. */
void apic_timer_periodic(u64 ticks);
/** The interrupt that is being handled is done. */
void apic_eoi(void);

#endif
