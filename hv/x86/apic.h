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
/**
 * Interrupt this CPU with VECTOR_TIMER about every `ticks` of the TSC; with 0 only when
 * apic_timer_shorten() asks for it.
 */
void apic_timer_start(u64 ticks);
/** TSC ticks until the timer's next interrupt; UINT64_MAX: none is coming, or it waits already. */
u64 apic_timer_left(void);
/**
 * The timer's next interrupt shall come after `ticks`, at least 1. Once: it goes on as before then.
 */
void apic_timer_shorten(u64 ticks);
/** The timer's interrupt has been taken. */
void apic_timer_done(void);

#endif
