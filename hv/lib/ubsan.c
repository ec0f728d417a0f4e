/*
 * Run-time of the undefined-behaviour sanitizer. The compiler calls these when a check fails; each
 * says where, and ends the machine. Null pointers need no check: the lower half is not mapped.
 */
#include "api.h"
#include "lib/printf.h"
#include "lib/types.h"

/** Where in the source; laid out by the compiler, as are the structs that begin with one. */
struct source_location {
	const char *file;
	u32 line, column;
};

static __noreturn void report(const void *data, const char *what)
{
	const struct source_location *at = data;
	char text[200];

	snprintf(text, sizeof(text), "undefined behaviour at %s:%u:%u: %s", at->file, at->line,
		 at->column, what);
	hv_fatal(text);
}

#define HANDLER(name, what) \
	__noreturn void __ubsan_handle_##name##_abort(const void *data); \
	__noreturn void __ubsan_handle_##name##_abort(const void *data) { report(data, what); }

HANDLER(add_overflow, "a signed addition overflows")
HANDLER(sub_overflow, "a signed subtraction overflows")
HANDLER(mul_overflow, "a signed multiplication overflows")
HANDLER(negate_overflow, "a signed negation overflows")
HANDLER(divrem_overflow, "a division by zero, or one that overflows")
HANDLER(shift_out_of_bounds, "a shift by a negative amount or by more than the type has bits")
HANDLER(out_of_bounds, "an array index out of range")
HANDLER(vla_bound_not_positive, "an array of no elements")

#define UNREACHABLE(name, what) \
	__noreturn void __ubsan_handle_##name(const void *data); \
	__noreturn void __ubsan_handle_##name(const void *data) { report(data, what); }

UNREACHABLE(builtin_unreachable, "code that can't be reached was reached")
UNREACHABLE(missing_return, "a function ended without a return")
