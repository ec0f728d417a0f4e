/*
 * A #GP whose delivery needs memory that is not there yet: its handler's stack. Prints whose fault
 * it was and the error code, and how often the handler ran. Arguments: where the late memory is;
 * a selector: loading that gives #GP with it as the error code; 0: RDMSR of a register that does
 * not exist gives one with 0.
 */
#include "guest.h"
#include "idt64.h"

#define GP	13
#define GATE_IST1 (1ull << 32)

static u8 tss[104] __attribute__((aligned(16)));
static u64 descriptors[] __attribute__((aligned(16))) = {
	0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0, 0
};
static u64 came, error_code, fault_rip;
static u64 skip;

__attribute__((interrupt)) static void on_gp(struct interrupt_frame *f, u64 error)
{
	came++;
	error_code = error;
	fault_rip = f->rip;
	f->rip += skip;
}

static void task_load(u64 stack)
{
	const struct table g = { sizeof(descriptors) - 1, (u64)descriptors };
	u64 base = (u64)tss;

	*(u64 *)(tss + 0x24) = stack;		/* IST1 */
	idt[GP][0] |= GATE_IST1;
	descriptors[3] = (sizeof(tss) - 1) | (base & 0xffffff) << 16 | 0x89ull << 40 |
			 (base >> 24 & 0xff) << 56;
	descriptors[4] = base >> 32;
	asm volatile("lgdt %0; ltr %w1" : : "m"(g), "r"(24));
}

int main(u64 late, u64 selector);
int main(u64 late, u64 selector)
{
	u64 place;
	u32 low, high;

	tables_load();
	idt_set(GP, on_gp);
	task_load(late + 0x1000);
	skip = 2;				/* the length of either */
	if (selector)
		asm volatile("lea 1f(%%rip), %0; 1: mov %w1, %%es" : "=&r"(place)
			     : "r"((u32)selector));
	else
		asm volatile("lea 1f(%%rip), %0; 1: rdmsr" : "=&r"(place), "=a"(low), "=d"(high)
			     : "c"(0x12345));
	observe("came", came);
	observe("error", error_code);
	observe("there", fault_rip == place);
	return 0;
}
