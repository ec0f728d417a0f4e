/*
 * Masks the timer's interrupt when it has come already and waits: then it must not come, and STI
 * must not hold the guest up. Prints how many came, with the line masked and with it open again.
 */
#include "guest.h"
#include "idt64.h"

#define VECTOR	0x30		/* of IRQ 0 */

static volatile u32 came;

__attribute__((interrupt)) static void on_tick(struct interrupt_frame *f)
{
	came++;
	outb(0x21, 0xff);	/* one is enough */
	outb(0x20, 0x20);
}

int main(u64 a, u64 b);
int main(u64 a, u64 b)
{
	tables_load();
	idt_set(VECTOR, on_tick);
	outb(0x20, 0x11);
	outb(0x21, VECTOR);
	outb(0x21, 4);
	outb(0x21, 1);
	outb(0x21, 0xfe);	/* all masked but IRQ 0 */
	outb(0x43, 0x34);
	outb(0x40, 0xa9);	/* about 1000 Hz */
	outb(0x40, 4);
	do			/* until IRQ 0 is in IRR */
		outb(0x20, 0x0a);
	while (!(inb(0x20) & 1));
	outb(0x21, 0xff);
	asm volatile("sti; nop; nop");
	observe("masked", came);
	outb(0x21, 0xfe);
	while (!came)
		asm volatile("pause");
	observe("open", came);
	return 0;
}
