/**
 * @file milestone.h
 * The steps to a first guest, and some on the way of an event. `until=STEP` on the command line
 * ends the machine after one of them, with what there is to see by then. Labs 1 and 2 work their
 * way along.
 *
 *   probe     the extension was found: what it offers
 *   on        it is on for the boot CPU: the registers that say so
 *   controls  a vCPU's control block has its controls; on Intel also what must, and what may, be
 *             in each set of them. controls:N is about the VM with the id N
 *   guest     ... and the guest's state
 *   host      ... and, on Intel, the host's; and this CPU's registers, to compare it with
 *   enter     the guest has run twice: the control block as the CPU left it, and the registers
 *   past      the guest has run until its first exit, and has been taken past that instruction
 *   inject:EVENT  ... and one event is injected: interrupt (vector 0x41), fault (#GP, error code
 *             0x1234), ud (#UD), breakpoint (#BP), overflow (#OF), nmi, nmi-again (whose first
 *             delivery was cut short, so that NMIs are blocked), or soft (INT 0x80)
 *   window:WHAT   ... and a window is asked for: interrupt, or nmi after an NMI; interrupt-off and
 *             nmi-off take the request back again
 *   select:FIRST  ... and event_select() has chosen from what waits: reinject (#GP, error code
 *             0x1234), exception (#UD) and queued, an interrupt (vector 0x41). FIRST is reinject,
 *             exception, or interrupt: that one and all behind it wait; or nmi: only that
 *   waits     for the first time an event waits for an entry, or the timer is on
 *   entry:N   all is ready for the Nth entry: the control block, and the registers. An entry after
 *             an interrupt of the host's does not count, as those come when they like.
 *   violation:N  the first N times that second-level translation failed: where, and what the
 *             control block says about it, as 1.gpa, 1.access and so on
 *   end       all VMs are gone: how many pages of host memory have not been given back
 *   requeue:EVENT  as entry:3, and the second entry delivers an event of inject: what becomes of
 *             it if an exit cuts its delivery short?
 */
#ifndef CORE_MILESTONE_H
#define CORE_MILESTONE_H

#include "core/vm.h"

/** Take the word behind `until=`. @return false when there is no such step */
bool milestone_set(const char *step);

/** Is this the step to stop after? */
bool milestone_is(const char *step);

/** Print a line of what there is to see: `see NAME=0xVALUE`. */
void milestone_see(const char *name, u64 value);

/**
 * `v` has come to `step`. If it is the one to stop after: print every field of its control block,
 * its general-purpose registers, and the events that wait (in the layout of EVENTINJ and of the
 * VM-entry interruption information; 0: none), and end the machine.
 */
void milestone_reached(const char *step, struct vcpu *v);

/** A vCPU has its controls: `controls`. */
void milestone_controls(struct vcpu *v);
/** A vCPU is ready for its first run: `guest`, `host`, `inject`, `window`, `select`. */
void milestone_created(struct vcpu *v);
/** It is about to run for the first time: `past`, `enter`. */
void milestone_first_run(struct vcpu *v);
/** An entry follows the exit `last`: `entry`, `requeue`. @return stop as soon as it is prepared */
bool milestone_entry(struct vcpu *v, const struct hv_exit *last);

/** `violation`: how many to show; 0: none, then there is no need to tell them. */
extern u64 milestone_violations;
/** Second-level translation of `v` failed with the exit `x`: `violation`. */
void milestone_violation(struct vcpu *v, const struct hv_exit *x);

#endif
