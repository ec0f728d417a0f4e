/*
 * Takes timer interrupts through the interrupt controller, asleep and awake. Arguments: how many,
 * and the TSC ticks from one to the next. Prints how many came, and by how much the latest was
 * late.
 */
#include "guest.h"
#include "idt64.h"

#define VECTOR	0x30		/* of IRQ 0 */

static volatile u32 came;
static u64 due, late, early;

static inline u64 rdtsc(void)
{
	u32 lo, hi;

	asm volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (u64)hi << 32 | lo;
}

__attribute__((interrupt)) static void on_timer(struct interrupt_frame *f)
{
	u64 now = rdtsc();

	if (now < due)
		early++;
	else if (now - due > late)
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

int main(u64 count, u64 ticks);
int main(u64 count, u64 ticks)
{
	tables_load();
	idt_set(VECTOR, on_timer);
	pic_init();
	for (u64 i = 0; i < count; i++) {
		u32 before = came;

		due = rdtsc() + ticks;
		asm volatile("cli");
		hypercall(HYPERCALL_TIMER, ticks, 0);
		if (i & 1) {			/* asleep */
			asm volatile("sti; hlt");
		} else {			/* awake */
			asm volatile("sti");
			while (came == before)
				asm volatile("pause");
		}
	}
	observe("came", came);
	observe("early", early);
	observe("late", late);
	return 0;
}
