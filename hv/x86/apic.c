/* See apic.h. */
#include "x86/apic.h"

#include "mm/pmm.h"
#include "x86/desc.h"
#include "x86/insn.h"
#include "x86/regs.h"

/* Register offsets (SDM vol. 3, table 10-1). */
#define APIC_ID		0x020
#define APIC_TPR	0x080
#define APIC_EOI	0x0b0
#define APIC_SVR	0x0f0
#define SVR_ENABLE	BIT(8)
#define APIC_LVT_TIMER	0x320
#define LVT_MASKED	BIT(16)
#define APIC_TIMER_INITIAL 0x380
#define APIC_TIMER_CURRENT 0x390
#define APIC_TIMER_DIVIDE  0x3e0
#define DIVIDE_BY_1	0xb

#define PIC1_DATA	0x21
#define PIC2_DATA	0xa1

static volatile u32 *reg(u32 offset)
{
	return (u32 *)((u8 *)phys_to_virt(hpa(APIC_BASE)) + offset);
}

void apic_init(void)
{
	outb(PIC1_DATA, 0xff);
	outb(PIC2_DATA, 0xff);
	*reg(APIC_TPR) = 0;
	*reg(APIC_LVT_TIMER) = LVT_MASKED;
	*reg(APIC_TIMER_DIVIDE) = DIVIDE_BY_1;
	*reg(APIC_SVR) = SVR_ENABLE | VECTOR_SPURIOUS;
}

u32 apic_id(void)
{
	return *reg(APIC_ID) >> 24;
}

/* What the timer counts while the TSC counts WATCH, and the interval that it goes back to. */
#define WATCH 100000ull
static u64 counted;
static u32 interval;

static u32 count_of(u64 ticks)
{
	u64 count = ticks * counted / WATCH;

	return count > UINT32_MAX ? UINT32_MAX : (u32)count ?: 1;
}

void apic_timer_start(u64 ticks)
{
	u64 start = rdtsc();

	*reg(APIC_TIMER_INITIAL) = 0xffffffff;
	while (rdtsc() - start < WATCH)
		pause();
	counted = 0xffffffff - *reg(APIC_TIMER_CURRENT) ?: 1;

	interval = ticks ? count_of(ticks) : 0;
	*reg(APIC_LVT_TIMER) = VECTOR_TIMER;
	*reg(APIC_TIMER_INITIAL) = interval;
}

u64 apic_timer_left(void)
{
	u32 count = *reg(APIC_TIMER_CURRENT);

	return count ? count * WATCH / counted : UINT64_MAX;
}

void apic_timer_shorten(u64 ticks)
{
	*reg(APIC_TIMER_INITIAL) = count_of(ticks);
}

void apic_timer_done(void)
{
	*reg(APIC_EOI) = 0;
	*reg(APIC_TIMER_INITIAL) = interval;
}
