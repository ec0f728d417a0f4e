/**
 * @file milestone.h The steps to a first guest. `until=STEP` on the command line ends the machine
 * after one of them, with what there is to see by then. Lab 1 works its way along.
 *
 *   probe     the extension was found: what it offers
 *   on        it is on for the boot CPU: the registers that say so
 *   controls  a vCPU's control block has its controls
 *   guest     ... and the guest's state
 *   enter     the guest has run twice: the control block as the CPU left it, and the registers
 *   inject:EVENT  ... and one event is injected: interrupt (vector 0x41), fault (#GP, error code
 *             0x1234), ud (#UD), nmi, or soft (INT 0x80)
 *   window:WHAT   ... and a window is asked for: interrupt, or nmi after an NMI; interrupt-off and
 *             nmi-off take the request back again
 *   entry:N   all is ready for the Nth entry: the control block, and the registers. An entry after
 *             an interrupt of the host's does not count, as those come when they like.
 */
#ifndef CORE_MILESTONE_H
#define CORE_MILESTONE_H

#include "core/vm.h"

/** Take the word behind `until=`. @return false when there is no such step */
bool milestone_set(const char *step);

/** Is this the step to stop after? */
bool milestone_is(const char *step);
/** An entry is to follow. Is it the one of `until=entry:N`? */
bool milestone_entry(void);

/** `until=inject:EVENT` and `until=window:WHAT`. @return is it one of these? */
bool milestone_events(struct vcpu *v);

/** Print a line of what there is to see: `see NAME=0xVALUE`. */
void milestone_see(const char *name, u64 value);

/** Print every field of `v`'s control block, and its general-purpose registers. */
void milestone_see_vcpu(struct vcpu *v);

#endif
