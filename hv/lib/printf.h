/* Formatted output into a buffer or through a function. */
#ifndef LIB_PRINTF_H
#define LIB_PRINTF_H

#include <stdarg.h>

#include "lib/types.h"

/** Takes one character of formatted output. */
typedef void (*format_put)(void *ctx, char c);

/**
 * Format as printf does: %d %i %u %x %X %p %c %s %%, with the lengths hh h l ll z, the flags
 * `-` `0` `#`, a width and (for %s) a precision, each a number or `*`. An unknown conversion is
 * printed as it stands.
 * @return the number of characters put
 */
size_t vformat(format_put put, void *ctx, const char *fmt, va_list ap);

/** vformat() into `buf` of `size` > 0 bytes, cut to fit, terminated. @return its length uncut */
size_t vsnprintf(char *buf, size_t size, const char *fmt, va_list ap);
size_t snprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);

#endif
