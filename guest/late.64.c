/*
 * An interrupt, a trap and a fault whose delivery needs memory that is not there yet: the stack for
 * their handlers is in late memory, a page for each. Prints which handlers ran, in order: I for the
 * interrupt, T for INT 0x41, U for #UD with its return address; and how often in all.
 * Argument: where the late memory is.
 */
#include "guest.h"
#include "idt64.h"

#define VECTOR	0x40
#define TRAP	0x41

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

static void mark(char c)
{
	if (length < 15)
		order[length++] = c;
}

__attribute__((interrupt)) static void on_interrupt(struct interrupt_frame *f) { mark('I'); }
__attribute__((interrupt)) static void on_trap(struct interrupt_frame *f) { mark('T'); }

__attribute__((interrupt)) static void on_ud(struct interrupt_frame *f)
{
	mark('U');
	f->rip += 2;		/* UD2 */
}

/* A task register, whose segment has the stacks of the three handlers. */
static void task_load(u64 late)
{
	const struct table g = { sizeof(descriptors) - 1, (u64)descriptors };
	u64 base = (u64)&tss;

	for (int i = 0; i < 3; i++) {
		tss.ist[i] = late + 0x1000 * (u64)(i + 1);
		idt[i == 0 ? VECTOR : i == 1 ? TRAP : 6][0] |= (u64)(i + 1) << 32;
	}
	descriptors[3] = (sizeof(tss) - 1) | (base & 0xffffff) << 16 | 0x89ull << 40 |
			 (base >> 24 & 0xff) << 56;
	descriptors[4] = base >> 32;
	asm volatile("lgdt %0; ltr %w1" : : "m"(g), "r"(24));
}

int main(u64 late, u64 what);
int main(u64 late, u64 what)
{
	tables_load();
	idt_set(VECTOR, on_interrupt);
	idt_set(TRAP, on_trap);
	idt_set(6, on_ud);
	task_load(late);
	asm volatile("sti");
	if (what == 0)
		hypercall(HYPERCALL_INTERRUPT, VECTOR, 0);
	else if (what == 1)
		asm volatile("int %0" : : "i"(TRAP) : "memory");
	else
		asm volatile("ud2" : : : "memory");
	put_text("order=");
	put_text(order);
	put_text("\n");
	return 0;
}
