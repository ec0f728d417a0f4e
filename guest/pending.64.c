/*
 * Events that wait for their turn. Each step prints what came and in which order, as letters:
 *
 *   I  an interrupt's handler ran         N  an NMI's handler began    n  ... ended
 *   U  #UD                                .  the main program reached the next mark
 */
#include "guest.h"
#include "idt64.h"

#define VECTOR	0x40
#define OTHER	0x41

static volatile char order[32];
static volatile int length, nested;
static u32 is_intel;

static void mark(char c)
{
	if (length < 31)
		order[length++] = c;
}

static void step(const char *name)
{
	put_text(name);
	put_char('=');
	for (int i = 0; i < length; i++)
		put_char(order[i]);
	put_char('\n');
	length = 0;
}

__attribute__((interrupt)) static void on_interrupt(struct interrupt_frame *f) { mark('I'); }
__attribute__((interrupt)) static void on_other(struct interrupt_frame *f) { mark('O'); }

/* The first NMI asks for another one, which must wait until this handler has ended. */
__attribute__((interrupt)) static void on_nmi(struct interrupt_frame *f)
{
	mark('N');
	if (!nested++)
		hypercall(HYPERCALL_NMI, 0, 0);
	mark('n');
}

__attribute__((interrupt)) static void on_ud(struct interrupt_frame *f)
{
	mark('U');
	f->rip += 3;		/* VMLOAD, VMXOFF */
}

/* An instruction of the extension itself, which exits and gives #UD. */
static void undefined(void)
{
	if (is_intel)
		asm volatile("vmxoff" : : : "memory");
	else
		asm volatile("vmload %%rax" : : "a"(0) : "memory");
}

static void cli(void) { asm volatile("cli" : : : "memory"); }
static void sti(void) { asm volatile("sti; nop" : : : "memory"); }

int main(u64 vector, u64 unused);
int main(u64 vector, u64 unused)
{
	u32 eax, ebx, ecx, edx;

	cpuid(0, 0, &eax, &ebx, &ecx, &edx);
	is_intel = ebx == 0x756e6547;		/* "Genu" */
	tables_load();
	idt_set(2, on_nmi);
	idt_set(6, on_ud);
	for (u32 i = 32; i < 256; i++)
		idt_set((u8)i, i == (u32)vector ? on_interrupt : on_other);

	sti();				/* while they are on an interrupt comes at once */
	hypercall(HYPERCALL_INTERRUPT, vector, 0);
	mark('.');
	step("open");

	cli();				/* while they are off it waits for STI */
	hypercall(HYPERCALL_INTERRUPT, vector, 0);
	mark('.');
	cpuid(0, 0, &eax, &ebx, &ecx, &edx);
	mark('.');
	sti();
	mark('.');
	step("window");

	cli();				/* #UD does not wait, nor does the interrupt get lost */
	hypercall(HYPERCALL_INTERRUPT, vector, 0);
	mark('.');
	undefined();
	mark('.');
	sti();
	mark('.');
	step("exception");

	cli();				/* an NMI comes in any case, but for an NMI's handler */
	hypercall(HYPERCALL_NMI, 0, 0);
	mark('.');
	for (volatile int i = 0; i < 1000000 && nested < 2; i++)
		;
	step("nmi");

	sti();				/* nothing is left */
	mark('.');
	undefined();
	mark('.');
	step("rest");
	return 0;
}
