/* The fixed-width integers and small macros that every file uses. */
#ifndef LIB_TYPES_H
#define LIB_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;

#define KiB(n)		((u64)(n) << 10)
#define MiB(n)		((u64)(n) << 20)
#define GiB(n)		((u64)(n) << 30)

#define BIT(n)		(1ull << (n))
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* `align` is a power of two in both. */
#define ROUND_DOWN(x, align)	((x) & ~((u64)(align) - 1))
#define ROUND_UP(x, align)	ROUND_DOWN((x) + (align) - 1, align)

#define __packed	__attribute__((packed))
#define __aligned(n)	__attribute__((aligned(n)))
#define __noreturn	__attribute__((noreturn))
/* For rare paths, so that the common one next to them saves fewer registers. */
#define __noinline	__attribute__((noinline))
/* For one that is to be made anew wherever it is called, with the constants of the call. */
#define __inlined	inline __attribute__((always_inline))
/* For functions that only a lab's exercise calls: a stub of it does not. */
#define __maybe_unused	__attribute__((unused))
#define __printf(f, a)	__attribute__((format(printf, f, a)))

#define static_assert	_Static_assert

/** The struct of type `type` whose member `member` is at `ptr`. */
#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))

#endif
