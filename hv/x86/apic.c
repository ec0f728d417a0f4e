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
#define TIMER_PERIODIC	BIT(17)
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

void apic_timer_periodic(u64 ticks)
{
	/* How fast does the timer count beside the TSC? Watch both for a while. */
	const u64 watch = 100000;
	u64 start = rdtsc(), counted;

	*reg(APIC_TIMER_INITIAL) = 0xffffffff;
	while (rdtsc() - start < watch)
		pause();
	counted = 0xffffffff - *reg(APIC_TIMER_CURRENT);

	*reg(APIC_LVT_TIMER) = TIMER_PERIODIC | VECTOR_TIMER;
	*reg(APIC_TIMER_INITIAL) = (u32)(ticks * counted / watch) ?: 1;
}

void apic_eoi(void)
{
	*reg(APIC_EOI) = 0;
}
