/* Strings and memory, as in the C standard; compilers emit calls of the mem functions. */
#ifndef LIB_STRING_H
#define LIB_STRING_H

#include "lib/types.h"

void *memset(void *dst, int byte, size_t n);
void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);

/** Copy `src` to `dst` of `size` > 0 bytes, cut to fit, always terminated. @return bytes copied */
size_t strlcpy(char *dst, const char *src, size_t size);

#endif
