/*
 * Asks for timer interrupts, and waits for each with a loop that does not exit. Prints how many
 * came, how many of them before their time, and how late the first and the latest of the others
 * were, in units of 8192 ticks. Arguments: how many (0: ask for one, and don't wait); the ticks
 * until the first, and from bit 32 on until the second. Each of the others takes 8 ticks more.
 */
#include "guest.h"
#include "idt64.h"

#define VECTOR	0x30		/* of IRQ 0 */

static volatile u32 came;

static inline u64 rdtsc(void)
{
	u32 lo, hi;

	asm volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (u64)hi << 32 | lo;
}

__attribute__((interrupt)) static void on_timer(struct interrupt_frame *f)
{
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

int main(u64 count, u64 ticks);
int main(u64 count, u64 ticks)
{
	u64 early = 0, first = 0, late = 0, due, now;
	u32 before;

	if (!count) {
		hypercall(HYPERCALL_TIMER, ticks, 0);
		return 1;
	}
	tables_load();
	idt_set(VECTOR, on_timer);
	pic_init();
	asm volatile("sti");
	for (u64 i = 0; i < count; i++) {
		u64 wait = i ? (ticks >> 32) + 8 * i : (u32)ticks;

		before = came;
		due = rdtsc() + wait;
		hypercall(HYPERCALL_TIMER, wait, 0);
		while (came == before)
			asm volatile("pause");
		now = rdtsc();
		if (now < due)
			early++;
		else if (!i)
			first = now - due;
		else if (now - due > late)
			late = now - due;
	}
	observe("came", came);
	observe("early", early);
	observe("first", first >> 13);
	observe("late", late >> 13);
	return 0;
}
