/**
 * @file trace.h
 * The exit trace: a ring of the last exits on each CPU, and, with `trace=exits` on the command
 * line, a line for each exit on port 0xE9.
 */
#ifndef CORE_TRACE_H
#define CORE_TRACE_H

#include "api.h"

#define TRACE_RECORDS 256	/* a power of two */

/** Whose exit it was. */
struct trace_who {
	u32 vcpu;
	u16 vm, cpu;
} __aligned(8);

/** One exit, in a cache line. */
struct trace_record {
	u64 enter, leave;	/**< TSC before and after the time in the guest */
	u64 rip;		/**< guest's, of the instruction that exited */
	u64 value;		/**< hv_exit.value */
	u32 reason;		/**< enum hv_exit_reason; these two as hv_exit has them */
	u32 code;		/**< hv_exit.code */
	struct trace_who who;
} __aligned(64);
static_assert(sizeof(struct trace_record) == 64, "a viewer reads these");

struct trace_ring {
	u64 count;		/**< of all exits; the newest is at (count - 1) % TRACE_RECORDS */
	struct trace_record record[TRACE_RECORDS];
};

extern bool trace_streaming;	/**< `trace=exits` was given */

/** Print a record as a line on port 0xE9: x CPU VM VCPU REASON RIP VALUE CODE ENTER LEAVE */
void trace_stream(const struct trace_record *r);

#endif
