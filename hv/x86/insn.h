/* One inline function for each instruction that C has no word for. */
#ifndef X86_INSN_H
#define X86_INSN_H

#include "lib/types.h"

static inline void outb(u16 port, u8 v) { asm volatile("outb %0, %1" : : "a"(v), "Nd"(port)); }

static inline u8 inb(u16 port)
{
	u8 v;

	asm volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;

	asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (u64)hi << 32 | lo;
}

static inline void wrmsr(u32 msr, u64 v)
{
	asm volatile("wrmsr" : : "c"(msr), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}

static inline u64 rdtsc(void)
{
	u32 lo, hi;

	asm volatile("rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return (u64)hi << 32 | lo;
}

static inline u64 xgetbv(u32 xcr)
{
	u32 lo, hi;

	asm volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(xcr));
	return (u64)hi << 32 | lo;
}

static inline void xsetbv(u32 xcr, u64 v)
{
	asm volatile("xsetbv" : : "c"(xcr), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}

/** Save, or restore, the components in `mask` and XCR0; `area` is 64-byte aligned. */
static inline void xsave(void *area, u64 mask)
{
	asm volatile("xsave64 (%0)"
		     : : "r"(area), "a"((u32)mask), "d"((u32)(mask >> 32)) : "memory");
}

static inline void xrstor(const void *area, u64 mask)
{
	asm volatile("xrstor64 (%0)"
		     : : "r"(area), "a"((u32)mask), "d"((u32)(mask >> 32)) : "memory");
}

#define X86_REGISTER(name) \
	static inline u64 read_##name(void) \
	{ \
		u64 v; \
		asm volatile("mov %%" #name ", %0" : "=r"(v)); \
		return v; \
	} \
	static inline void write_##name(u64 v) \
	{ \
		asm volatile("mov %0, %%" #name : : "r"(v) : "memory"); \
	}
X86_REGISTER(cr0) X86_REGISTER(cr2) X86_REGISTER(cr3) X86_REGISTER(cr4)
X86_REGISTER(dr0) X86_REGISTER(dr1) X86_REGISTER(dr2) X86_REGISTER(dr3)
X86_REGISTER(dr6) X86_REGISTER(dr7)
#undef X86_REGISTER

static inline void sti(void) { asm volatile("sti" : : : "memory"); }
static inline void cli(void) { asm volatile("cli" : : : "memory"); }
static inline void hlt(void) { asm volatile("hlt" : : : "memory"); }

static inline u64 read_rflags(void)
{
	u64 flags;

	asm volatile("pushf; pop %0" : "=r"(flags) : : "memory");
	return flags;
}

/** Take the interrupts that wait. STI holds them for one instruction, hence the NOP. */
static inline void irq_window(void) { asm volatile("sti; nop; cli" : : : "memory"); }

/** Sleep until an interrupt comes, without a gap in which it could be missed. */
static inline void irq_wait(void) { asm volatile("sti; hlt; cli" : : : "memory"); }

static inline void pause(void) { asm volatile("pause"); }

struct table_register {
	u16 limit;
	u64 base;
} __packed;

static inline void lgdt(const struct table_register *r) { asm volatile("lgdt %0" : : "m"(*r)); }
static inline void lidt(const struct table_register *r) { asm volatile("lidt %0" : : "m"(*r)); }
static inline void ltr(u16 selector) { asm volatile("ltr %0" : : "r"(selector)); }

static inline struct table_register sgdt(void)
{
	struct table_register r;

	asm volatile("sgdt %0" : "=m"(r));
	return r;
}

static inline struct table_register sidt(void)
{
	struct table_register r;

	asm volatile("sidt %0" : "=m"(r));
	return r;
}

static inline u16 str(void)
{
	u16 selector;

	asm volatile("str %0" : "=r"(selector));
	return selector;
}

#endif
