/*
 * Events: interrupts that must wait, an NMI that must not, exceptions for what a guest may not do.
 * Each step prints what came and in which order, as letters:
 *
 *   I  an interrupt's handler ran         N  an NMI's handler began    n  ... ended
 *   G  #GP                                U  #UD
 *   D  #DB
 *   .  the main program reached the next mark
 */
#include "guest.h"
#include "idt64.h"

#define VECTOR 0x40

static char order[32];
static int length;
static u64 error_code;
static u64 debug_status;
static int nested;
static volatile int past_sti;	/* the instruction behind STI has run */

static void mark(char c)
{
	if (length < 31)
		order[length++] = c;
}

static void step(const char *name)
{
	order[length] = '\0';
	put_text(name);
	put_char('=');
	put_text(order);
	put_char('\n');
	length = 0;
}

__attribute__((interrupt)) static void on_interrupt(struct interrupt_frame *f)
{
	if (past_sti)
		mark('.');
	mark('I');
}

/* The first NMI asks for another one, which must wait until this handler has ended. */
__attribute__((interrupt)) static void on_nmi(struct interrupt_frame *f)
{
	mark('N');
	if (!nested++)
		hypercall(HYPERCALL_NMI, 0, 0);
	mark('n');
}

__attribute__((interrupt)) static void on_gp(struct interrupt_frame *f, u64 error)
{
	mark('G');
	error_code = error;
	f->rip += 2;		/* RDMSR */
}

__attribute__((interrupt)) static void on_ud(struct interrupt_frame *f)
{
	mark('U');
	f->rip += 3;		/* VMLOAD, VMXOFF */
}

__attribute__((interrupt)) static void on_db(struct interrupt_frame *f)
{
	u64 dr6;

	mark('D');
	asm volatile("mov %%dr6, %0" : "=r"(dr6));
	debug_status = dr6;
	asm volatile("mov %0, %%dr6" : : "r"(0xffff0ff0ull));
	if (length > 2)
		f->rflags &= ~0x100ull;		/* TF: enough steps */
}

static void cli(void) { asm volatile("cli" : : : "memory"); }
static void sti(void) { asm volatile("sti; nop" : : : "memory"); }

int main(u64 nonce, u64 unused);
int main(u64 nonce, u64 unused)
{
	u32 eax, ebx, ecx, edx;

	tables_load();
	idt_set(1, on_db);
	idt_set(2, on_nmi);
	idt_set(6, on_ud);
	idt_set(13, on_gp);
	idt_set(VECTOR, on_interrupt);
	observe("nonce", nonce);

	cli();				/* an interrupt while they are off waits for STI */
	hypercall(HYPERCALL_INTERRUPT, VECTOR, 0);
	mark('.');
	sti();
	mark('.');
	step("window");

	hypercall(HYPERCALL_INTERRUPT, VECTOR, 0);	/* with interrupts on it comes at once */
	mark('.');
	step("open");

	cli();
	hypercall(HYPERCALL_INTERRUPT, VECTOR, 0);	/* STI holds it for one instruction more */
	asm volatile("sti; movl $1, %0; nop; cli" : "=m"(past_sti) : : "memory");
	step("shadow");

	hypercall(HYPERCALL_NMI, 0, 0);			/* even with interrupts off */
	mark('.');
	for (volatile int i = 0; i < 3000000 && nested < 2; i++)
		;
	step("nmi");

	cpuid(0, 0, &eax, &ebx, &ecx, &edx);
	if (ebx == 0x756e6547)			/* "Genu": an instruction of the extension */
		asm volatile("vmxoff");
	else
		asm volatile("vmload %%rax" : : "a"(0));
	mark('.');
	step("ud");

	error_code = 0x5a;
	/* A register that does not exist. */
	asm volatile("rdmsr" : "=a"(eax), "=d"(edx) : "c"(0x12345) : "memory");
	mark('.');
	step("gp");
	observe("error", error_code);

	/* Three single steps, the first behind the NOP after POPF. */
	asm volatile("pushf; orl $0x100, (%%rsp); popf; nop; nop; nop; nop" : : : "memory", "cc");
	mark('.');
	step("db");
	observe("dr6", debug_status);
	return 0;
}
