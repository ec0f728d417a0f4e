/*
 * Lives by the clock of a PC: prints the time of day, takes periodic interrupts of IRQ 8, sleeps
 * until the next second, and until an alarm. Argument: how many periodic ones, at 1024 a second.
 */
#include "guest.h"
#include "idt64.h"

#define VECTOR		0x38		/* of IRQ 8 */
#define RTC_A		10
#define RTC_B		11
#define RTC_C		12
#define B_24H		0x02
#define B_UPDATE	0x10
#define B_ALARM		0x20
#define B_PERIODIC	0x40

static volatile u32 came;
static volatile u8 flags;

static u8 get(u8 reg)
{
	outb(0x70, reg);
	return inb(0x71);
}

static void put(u8 reg, u8 value)
{
	outb(0x70, reg);
	outb(0x71, value);
}

__attribute__((interrupt)) static void on_clock(struct interrupt_frame *f)
{
	flags = get(RTC_C);	/* the line goes down */
	came++;
	outb(0xa0, 0x20);
	outb(0x20, 0x20);
}

static void pic_init(void)
{
	outb(0x20, 0x11);
	outb(0x21, VECTOR - 8);
	outb(0x21, 4);
	outb(0x21, 1);
	outb(0xa0, 0x11);
	outb(0xa1, VECTOR);
	outb(0xa1, 2);
	outb(0xa1, 1);
	outb(0x21, 0xfb);	/* the cascade */
	outb(0xa1, 0xfe);	/* IRQ 8 */
}

static void wait_for(u32 count)
{
	came = 0;
	for (;;) {
		asm volatile("cli");
		if (came >= count)
			break;
		asm volatile("sti; hlt");
	}
}

static u64 time_of_day(void)
{
	while (get(RTC_A) & 0x80)	/* an update is in progress */
		;
	return (u64)get(0x32) << 48 | (u64)get(9) << 40 | (u64)get(8) << 32 | (u64)get(7) << 24 |
	       (u64)get(4) << 16 | (u64)get(2) << 8 | get(0);
}

int main(u64 count, u64 unused);
int main(u64 count, u64 unused)
{
	u8 before;

	tables_load();
	idt_set(VECTOR, on_clock);
	pic_init();
	observe("time", time_of_day() >> 16);	/* to the hour */

	get(RTC_C);
	put(RTC_A, 0x26);		/* 1024 Hz */
	put(RTC_B, B_24H | B_PERIODIC);
	wait_for((u32)count);
	observe("periodic", flags);

	put(RTC_B, B_24H | B_UPDATE);
	wait_for(1);
	before = get(0);
	wait_for(1);
	observe("updated", flags);
	observe("seconds", (u8)(get(0) - before));

	put(1, 0x30);			/* at 10:20:30, set to a second before */
	put(3, 0x20);
	put(5, 0x10);
	put(RTC_B, B_24H | 0x80 | B_ALARM);
	put(0, 0x29);
	put(2, 0x20);
	put(4, 0x10);
	put(RTC_B, B_24H | B_ALARM);
	wait_for(1);
	observe("alarm", flags & 0xa0);
	observe("now", time_of_day() & 0xffffff);
	return 0;
}
