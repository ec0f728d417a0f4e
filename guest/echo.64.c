/*
 * Repeats what is typed, by interrupts of the serial port, and sleeps in between. A q ends it.
 * Argument: how many characters wait in the FIFO for an interrupt: 1, 4, 8 or 14; 0: no FIFO.
 */
#include "guest.h"
#include "idt64.h"

#define VECTOR		0x30		/* of IRQ 0 */
#define COM1_IER	(COM1 + 1)
#define COM1_IIR	(COM1 + 2)	/* write: FCR */
#define COM1_MCR	(COM1 + 4)

static volatile int done;
static u32 interrupts;

__attribute__((interrupt)) static void on_serial(struct interrupt_frame *f)
{
	interrupts++;
	while (!(inb(COM1_IIR) & 1)) {
		while (inb(COM1_LSR) & 1) {
			char c = (char)inb(COM1);

			put_char(c);
			done |= c == 'q';
		}
	}
	outb(0x20, 0x20);	/* end of interrupt */
}

int main(u64 trigger, u64 unused);
int main(u64 trigger, u64 unused)
{
	tables_load();
	idt_set(VECTOR + 4, on_serial);
	outb(0x20, 0x11);
	outb(0x21, VECTOR);
	outb(0x21, 4);
	outb(0x21, 1);
	outb(0x21, (u8)~(1 << 4));	/* all masked but IRQ 4 */

	outb(COM1_IIR, trigger == 14 ? 0xc1 : trigger == 8 ? 0x81 : trigger == 4 ? 0x41 :
		       trigger == 1 ? 0x01 : 0x00);
	outb(COM1_MCR, 0x0b);		/* OUT2 lets interrupts through */
	outb(COM1_IER, 1);
	put_text("type, please: q ends it\n");
	for (;;) {
		asm volatile("cli");
		if (done)
			break;
		asm volatile("sti; hlt");
	}
	put_char('\n');
	observe("interrupted", interrupts > 0);
	return 0;
}
