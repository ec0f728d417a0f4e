/*
 * Has the fastest timer that there is, never ends an interrupt, and halts again and again. Whatever
 * runs beside it must go on. Argument: 1: interrupts are ended, and so come as fast as they can.
 */
#include "guest.h"
#include "idt64.h"

#define VECTOR	0x30		/* of IRQ 0 */

static u64 polite;

__attribute__((interrupt)) static void on_tick(struct interrupt_frame *f)
{
	if (polite)
		outb(0x20, 0x20);
}

int main(u64 ends, u64 unused);
int main(u64 ends, u64 unused)
{
	polite = ends;
	tables_load();
	idt_set(VECTOR, on_tick);
	outb(0x20, 0x11);
	outb(0x21, VECTOR);
	outb(0x21, 4);
	outb(0x21, 1);
	outb(0x21, 0xfe);
	outb(0x43, 0x34);	/* channel 0, mode 2, every other pulse */
	outb(0x40, 2);
	outb(0x40, 0);
	for (;;)
		asm volatile("sti; hlt");
}
