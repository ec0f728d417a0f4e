/*
 * Halts, and tells whether it went on. Argument: what there is to wait for.
 */
#include "guest.h"
#include "idt64.h"

#define VECTOR 0x40

enum wait { DEAF, NOTHING, INTERRUPT, DEAF_TO_INTERRUPT, TIMER, DEAF_TO_TIMER };

static volatile u64 interrupts;

__attribute__((interrupt)) static void on_interrupt(struct interrupt_frame *f)
{
	interrupts++;
}

/* A timer interrupt, through the interrupt controller. */
static void pic_init(void)
{
	outb(0x20, 0x11);
	outb(0x21, VECTOR);
	outb(0x21, 4);
	outb(0x21, 3);		/* it needs no end of interrupt */
	outb(0x21, 0xfe);
	outb(0xa1, 0xff);
}

int main(u64 what, u64 ticks);
int main(u64 what, u64 ticks)
{
	tables_load();
	idt_set(VECTOR, on_interrupt);
	asm volatile("cli" : : : "memory");
	switch ((enum wait)what) {
	case DEAF:
		asm volatile("hlt" : : : "memory");
		break;
	case NOTHING:
		asm volatile("sti; hlt" : : : "memory");
		break;
	case INTERRUPT:
		hypercall(HYPERCALL_INTERRUPT, VECTOR, 0);
		asm volatile("sti; hlt" : : : "memory");
		break;
	case DEAF_TO_INTERRUPT:
		hypercall(HYPERCALL_INTERRUPT, VECTOR, 0);
		asm volatile("hlt" : : : "memory");
		break;
	case TIMER:
		pic_init();
		hypercall(HYPERCALL_TIMER, ticks, 0);
		asm volatile("sti; hlt" : : : "memory");
		break;
	case DEAF_TO_TIMER:
		pic_init();
		hypercall(HYPERCALL_TIMER, ticks, 0);
		asm volatile("hlt" : : : "memory");
		break;
	}
	asm volatile("cli" : : : "memory");
	observe("interrupts", interrupts);
	return 0;
}
