/**
 * @file panic.h
 * The end: on purpose, or because of a bug of our own. A guest never gets here.
 */
#ifndef CORE_PANIC_H
#define CORE_PANIC_H

#include "lib/types.h"

/** Exit status that says: the hypervisor itself failed. */
#define STATUS_FAILED 126

/** Report a bug of ours, with the return addresses on the stack, and end the machine. */
__noreturn void panic(const char *fmt, ...) __printf(1, 2);

/** The same for an exception of ours: shows the registers; the trace starts where it happened. */
struct trap_frame;
__noreturn void panic_at(const struct trap_frame *f, const char *fmt, ...) __printf(2, 3);

/** Print `end status=N`, and switch off in the way that `end=` on the command line says. */
__noreturn void machine_end(unsigned int status);

/** Choose how machine_end() ends: "qemu", "bochs", or anything else to halt. */
void machine_end_by(const char *how);

#define ASSERT(condition) \
	do { \
		if (!(condition)) \
			panic("%s:%d: not true: %s", __FILE__, __LINE__, #condition); \
	} while (0)

#endif
