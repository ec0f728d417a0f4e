/* Descriptor tables for long-mode guests that take interrupts and exceptions. */
#ifndef GUEST_IDT64_H
#define GUEST_IDT64_H

#include "guest.h"

struct interrupt_frame {
	u64 rip, cs, rflags, rsp, ss;
};

struct table {
	u16 limit;
	u64 base;
} __attribute__((packed));

static u64 gdt[] = { 0, 0x00af9b000000ffff, 0x00cf93000000ffff };
static u64 idt[256][2] __attribute__((aligned(16)));

/* Point a vector at a function with __attribute__((interrupt)). */
static inline void idt_set(u8 vector, const void *handler)
{
	u64 a = (u64)handler;

	idt[vector][0] = (a & 0xffff) | 8u << 16 | 0x8e00ull << 32 | (a >> 16 & 0xffff) << 48;
	idt[vector][1] = a >> 32;
}

static inline void tables_load(void)
{
	const struct table g = { sizeof(gdt) - 1, (u64)gdt }, i = { sizeof(idt) - 1, (u64)idt };

	asm volatile("lgdt %0; lidt %1" : : "m"(g), "m"(i));
}

#endif
