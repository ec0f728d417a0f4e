/*
 * The run-time of tiny guests: ports, printing, hypercalls. All of it is inline, so that a guest
 * stays one small file.
 */
#ifndef GUEST_H
#define GUEST_H

#include <stdint.h>

#include "hypercall.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define COM1		0x3f8
#define COM1_LSR	(COM1 + 5)
#define EXIT_PORT	0xf4

/* For functions that only a lab's exercise calls: a stub of it does not. */
#define __maybe_unused	__attribute__((unused))

static inline void outb(u16 port, u8 v) { asm volatile("outb %0, %1" : : "a"(v), "Nd"(port)); }
static inline void outl(u16 port, u32 v) { asm volatile("outl %0, %1" : : "a"(v), "Nd"(port)); }

static inline u8 inb(u16 port)
{
	u8 v;

	asm volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static inline void cpuid(u32 leaf, u32 subleaf, u32 *a, u32 *b, u32 *c, u32 *d)
{
	asm volatile("cpuid" : "=a"(*a), "=b"(*b), "=c"(*c), "=d"(*d) : "a"(leaf), "c"(subleaf));
}

/* End this VM with a status. */
static inline void guest_stop(u32 status)
{
	outl(EXIT_PORT, status);
	for (;;)
		asm volatile("hlt");
}

__attribute__((noreturn)) void guest_exit(u32 status);
__attribute__((weak)) void guest_exit(u32 status)
{
	guest_stop(status);
	__builtin_unreachable();
}

static inline void put_char(char c)
{
	while (!(inb(COM1_LSR) & 0x20))
		;
	outb(COM1, (u8)c);
}

static inline void put_text(const char *s)
{
	while (*s)
		put_char(*s++);
}

/* Print "key=0xvalue", an observation for whoever reads the console. */
static inline void observe(const char *key, u64 value)
{
	int shift = 60;

	put_text(key);
	put_text("=0x");
	while (shift > 0 && !(value >> shift))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		put_char("0123456789abcdef"[value >> shift & 15]);
	put_char('\n');
}

/* AMD and Intel have an instruction each; CPUID's vendor string tells which. */
static inline int64_t hypercall(u32 number, unsigned long a, unsigned long b)
{
	u32 eax, ebx, ecx, edx;
	long result;

	cpuid(0, 0, &eax, &ebx, &ecx, &edx);
	if (ebx == 0x756e6547)		/* "Genu" */
		asm volatile("vmcall" : "=a"(result) : "a"(number), "D"(a), "S"(b) : "memory");
	else
		asm volatile("vmmcall" : "=a"(result) : "a"(number), "D"(a), "S"(b) : "memory");
	return result;
}

#endif
