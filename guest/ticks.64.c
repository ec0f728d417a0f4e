/*
 * Lives by the timer of a PC, as a small kernel does. Arguments: how many ticks to take, and the
 * 8254's divisor. First it measures the TSC against channel 2, then it takes ticks of channel 0,
 * half of them asleep, and prints what it saw.
 */
#include "guest.h"
#include "idt64.h"

#define VECTOR		0x30		/* of IRQ 0 */
#define PIT_HZ		1193182
#define MEASURE		11932		/* pulses: 10 ms */

static volatile u32 came;

static inline u64 rdtsc(void)
{
	u32 lo, hi;

	asm volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (u64)hi << 32 | lo;
}

__attribute__((interrupt)) static void on_tick(struct interrupt_frame *f)
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

/* TSC ticks while channel 2 counts MEASURE pulses down, mode 0; OUT shows at port 0x61. */
static u64 measure(void)
{
	u64 start;

	outb(0x61, (inb(0x61) & ~2) | 1);
	outb(0x43, 0xb0);
	outb(0x42, MEASURE & 0xff);
	outb(0x42, MEASURE >> 8);
	start = rdtsc();
	while (!(inb(0x61) & 0x20))
		;
	return rdtsc() - start;
}

int main(u64 count, u64 divisor);
int main(u64 count, u64 divisor)
{
	u64 tsc_10ms, start, took, first;

	tables_load();
	idt_set(VECTOR, on_tick);
	pic_init();
	tsc_10ms = measure();

	outb(0x43, 0x34);	/* channel 0, mode 2 */
	outb(0x40, (u8)divisor);
	outb(0x40, (u8)(divisor >> 8));
	asm volatile("sti; hlt");
	first = came;
	start = rdtsc();
	while (came < first + count / 2)
		asm volatile("pause");
	for (;;) {
		asm volatile("cli");
		if (came >= first + count)
			break;
		asm volatile("sti; hlt");	/* a tick can't come between the two */
	}
	asm volatile("sti");
	took = rdtsc() - start;
	observe("count", came - first);
	observe("per_mille", took * MEASURE * 1000 / (tsc_10ms * divisor * count));
	observe("first", first);

	outb(0x21, 0xff);	/* nothing can come any more */
	asm volatile("hlt");
	return 1;
}
