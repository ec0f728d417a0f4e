/*
 * Waits, awake, for timer interrupts: `from` to `to` TSC ticks after they were asked for, in 64
 * steps. Prints how many came, and by how many times 100,000 ticks the latest was late.
 */
#include "guest.h"
#include "idt64.h"

#define VECTOR	0x30		/* of IRQ 0 */
#define COUNT	64
#define UNIT	100000

static volatile u32 came;
static u64 due, late;

static inline u64 rdtsc(void)
{
	u32 lo, hi;

	asm volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (u64)hi << 32 | lo;
}

__attribute__((interrupt)) static void on_timer(struct interrupt_frame *f)
{
	u64 now = rdtsc();

	if (now > due && now - due > late)
		late = now - due;
	came++;
	outb(0x20, 0x20);	/* end of interrupt */
}

static void pic_init(void)
{
	outb(0x20, 0x11);
	outb(0x21, VECTOR);
	outb(0x21, 4);
	outb(0x21, 1);
	outb(0x21, 0xfe);	/* all masked but IRQ 0 */
	outb(0xa1, 0xff);
}

int main(u64 from, u64 to);
int main(u64 from, u64 to)
{
	tables_load();
	idt_set(VECTOR, on_timer);
	pic_init();
	asm volatile("sti");
	for (u64 i = 0; i < COUNT; i++) {
		u64 ticks = from + (to - from) * i / COUNT;
		u32 before = came;

		due = rdtsc() + ticks;
		hypercall(HYPERCALL_TIMER, ticks, 0);
		while (came == before)
			asm volatile("pause");
	}
	observe("came", came);
	observe("late", late / UNIT);
	return 0;
}
