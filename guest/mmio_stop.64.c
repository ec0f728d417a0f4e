/* Does one thing with a device that ends its VM. The argument says which. */
#include <stdbool.h>

#include "idt64.h"
#include "probe.h"

enum deed { MOVAPS, FLD, CMPXCHG, PADDD, PUSH, FETCH, TABLES, TABLE, INTERRUPT, SOFT,
	    FAULT, ROM, NOWHERE, LATE };

#define CR4_OSFXSR	0x200ul
#define ROM_AT		0x40000000ul
#define NOTHING_AT	0x50000000ul
#define LATE_AT		0x60000000ul

__attribute__((interrupt)) static void on_interrupt(struct interrupt_frame *f)
{
	put_text("an interrupt came\n");
}

static void sse_on(void)
{
	u64 cr4;

	asm volatile("mov %%cr4, %0" : "=r"(cr4));
	asm volatile("mov %0, %%cr4" : : "r"(cr4 | CR4_OSFXSR));
}

/* Page tables in the device: all of them, or that for PAIRS. */
static void device_tables(bool all)
{
	u64 *table;

	if (all)
		asm volatile("mov %0, %%cr3" : : "r"(PROBE_MEMORY) : "memory");
	asm volatile("mov %%cr3, %0" : "=r"(table));
	table = (u64 *)(table[0] & ~0xffful);
	table = (u64 *)(table[PAIRS >> 30] & ~0xffful);
	table[PAIRS >> 21 & 511] = PROBE_MEMORY | PTE_P | PTE_W | PTE_U;
	flush();
	*(volatile u8 *)PAIRS = 1;
}

static void copy_to(u64 to, u64 count)
{
	u64 from = PROBE_STREAM;

	asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
}

int main(u64 deed, u64 unused);
int main(u64 deed, u64 unused)
{
	sse_on();
	tables_load();
	idt_set(0x40, on_interrupt);
	outl(PROBE_SEED, 1);
	switch ((enum deed)deed) {
	case MOVAPS:
		asm volatile("movaps (%0), %%xmm0" : : "r"(PROBE_MEMORY));
		break;
	case FLD:
		asm volatile("fldl (%0)" : : "r"(PROBE_MEMORY));
		break;
	case CMPXCHG:
		asm volatile("lock cmpxchg %%ecx, (%0)" : : "r"(PROBE_MEMORY));
		break;
	case PADDD:
		asm volatile("paddd (%0), %%xmm1" : : "r"(PROBE_MEMORY));
		break;
	case PUSH:
		asm volatile("mov %0, %%rsp; push %%rax" : : "r"(PROBE_MEMORY + 0x800));
		break;
	case FETCH:
		((void (*)(void))PROBE_STREAM)();
		break;
	case TABLES:
	case TABLE:
		device_tables(deed == TABLES);
		break;
	case INTERRUPT:		/* with the stack in the device: a pending one, INT, #PF */
		hypercall(HYPERCALL_INTERRUPT, 0x40, 0);
		asm volatile("mov %0, %%rsp; sti; nop; nop" : : "r"(PROBE_STREAM + 0x800));
		break;
	case SOFT:
		asm volatile("mov %1, %%rsp; int %0" : : "i"(0x40), "r"(PROBE_STREAM + 0x800));
		break;
	case FAULT:
		idt_set(14, on_interrupt);
		asm volatile("mov %0, %%rsp; mov (%1), %%eax" : : "r"(PROBE_STREAM + 0x800),
			     "r"(1ul << 40));
		break;
	case ROM:
		copy_to(ROM_AT + 0x10, 8);
		break;
	case NOWHERE:
		copy_to(NOTHING_AT, 8);
		break;
	case LATE:		/* no end: the memory comes when it is touched */
		copy_to(LATE_AT + 0xff8, 16);
		tell("late", *(volatile u64 *)(LATE_AT + 0x1000));
		tell("sum", probe_sum());
		break;
	}
	put_text("still here\n");
	return 0;
}
