/*
 * One event whose delivery needs memory that is not there yet: the stack of its handler. Prints
 * which handlers ran, the error code that the last one got, and by how much its return address was
 * behind the instruction. Arguments: where the late memory is, and for the event: a type and a
 * selector of no segment.
 */
#include "guest.h"
#include "idt64.h"

enum what { INTERRUPT, NMI, FAULT, UNDEFINED, TRAP, BREAKPOINT };

#define VECTOR		0x40
#define TRAP_VECTOR	0x41

struct tss {
	u32 reserved;
	u64 rsp[3], reserved2, ist[7], reserved3;
	u16 reserved4, iomap;
} __attribute__((packed));

static struct tss tss;
static u64 descriptors[] __attribute__((aligned(16))) = {
	0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0, 0
};
static char order[16];
static int length;
static u64 error_code, return_address;

static void mark(char c, const struct interrupt_frame *f)
{
	if (length < 15)
		order[length++] = c;
	return_address = f->rip;
}

#define HANDLER(name, letter) \
	__attribute__((interrupt)) static void name(struct interrupt_frame *f) { mark(letter, f); }
HANDLER(on_interrupt, 'I')
HANDLER(on_nmi, 'N')
HANDLER(on_trap, 'T')
HANDLER(on_breakpoint, 'B')

__attribute__((interrupt)) static void on_ud(struct interrupt_frame *f)
{
	mark('U', f);
	f->rip += 2;		/* UD2 */
}

__attribute__((interrupt)) static void on_gp(struct interrupt_frame *f, u64 error)
{
	mark('G', f);
	error_code = error;
	f->rip += 2;		/* MOV to DS */
}

/* A task register, whose segment has the stack of every handler: in late memory. */
static void task_load(u64 late)
{
	const struct table g = { sizeof(descriptors) - 1, (u64)descriptors };
	u64 base = (u64)&tss;

	tss.ist[0] = late + 0x1000;
	for (int i = 0; i < 256; i++)
		idt[i][0] |= 1ull << 32;
	descriptors[3] = (sizeof(tss) - 1) | (base & 0xffffff) << 16 | 0x89ull << 40 |
			 (base >> 24 & 0xff) << 56;
	descriptors[4] = base >> 32;
	asm volatile("lgdt %0; ltr %w1" : : "m"(g), "r"(24));
}

int main(u64 late, u64 what);
int main(u64 late, u64 what)
{
	u64 here = 0;

	tables_load();
	idt_set(VECTOR, on_interrupt);
	idt_set(TRAP_VECTOR, on_trap);
	idt_set(2, on_nmi);
	idt_set(3, on_breakpoint);
	idt_set(6, on_ud);
	idt_set(13, on_gp);
	task_load(late);
	asm volatile("sti");
	switch ((enum what)(what & 0xf)) {
	case INTERRUPT:
		hypercall(HYPERCALL_INTERRUPT, VECTOR, 0);
		here = return_address;
		break;
	case NMI:
		hypercall(HYPERCALL_NMI, 0, 0);
		here = return_address;
		break;
	case FAULT:
		asm volatile("lea 1f(%%rip), %0; 1: mov %w1, %%ds"
			     : "=&r"(here) : "a"(what >> 16) : "memory");
		break;
	case UNDEFINED:
		asm volatile("lea 1f(%%rip), %0; 1: ud2" : "=&r"(here) : : "memory");
		break;
	case TRAP:
		asm volatile("lea 1f(%%rip), %0; 1: int %1"
			     : "=&r"(here) : "i"(TRAP_VECTOR) : "memory");
		break;
	case BREAKPOINT:
		asm volatile("lea 1f(%%rip), %0; 1: int3" : "=&r"(here) : : "memory");
		break;
	}
	put_text("order=");
	put_text(order);
	put_text("\n");
	observe("behind", return_address - here);
	observe("error", error_code);
	return 0;
}
