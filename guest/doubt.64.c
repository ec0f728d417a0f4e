/*
 * For exercise 2.17: a guest that doubts its machine. Do events come only when they may? It ends
 * with status 0 if they do, with any other if not.
 */
#include "guest.h"
#include "idt64.h"

#define VECTOR		0x40
#define MSR_FS_BASE	0xc0000100

/* What the handlers have seen. */
static volatile u32 interrupts;		/* interrupts that came */
static volatile u32 nmis;		/* NMIs that came */
static volatile u32 nmi_depth;		/* NMI handlers that have not returned yet */
static volatile u32 nmi_nested;		/* NMIs that came while another's handler ran */

__attribute__((interrupt)) static void on_interrupt(struct interrupt_frame *f)
{
	interrupts++;
}

/* The first NMI asks for another one. It may come when this handler has ended, and not before. */
__attribute__((interrupt)) static void on_nmi(struct interrupt_frame *f)
{
	if (nmi_depth++)
		nmi_nested++;
	if (!nmis++)
		hypercall(HYPERCALL_NMI, 0, 0);
	nmi_depth--;
}

__maybe_unused static inline void prepare(void)
{
	tables_load();
	idt_set(2, on_nmi);
	idt_set(VECTOR, on_interrupt);
}

__maybe_unused static inline void cli(void) { asm volatile("cli" : : : "memory"); }

/*
 * Interrupts on. STI holds them back until the next instruction is done, and that one exits without
 * being done: it is the first RDMSR of a register that a guest may have itself. To inject an
 * interrupt at that point is a mistake, for which an Intel CPU refuses the entry and ends the VM.
 */
__maybe_unused static inline void sti(void)
{
	u32 a, b, c, d;

	asm volatile("sti; rdmsr" : "=a"(a), "=d"(d) : "c"(MSR_FS_BASE) : "memory");
	/* One more exit: Bochs as an AMD CPU takes its time with what STI has held back. */
	cpuid(0, 0, &a, &b, &c, &d);
}

int main(u64 unused, u64 unused2);

/**
 * Exercise 2.17: find out whether the hypervisor gets events wrong. prepare() comes first.
 *
 * While interrupts are off (cli()), none may come, whatever exits there are meanwhile; when they
 * are on again (sti()), those that waited come. While an NMI's handler runs no other NMI may come;
 * when it has ended, the one that waited comes, perhaps some instructions later. You get an
 * interrupt with hypercall(HYPERCALL_INTERRUPT, VECTOR, 0), an NMI with
 * hypercall(HYPERCALL_NMI, 0, 0); CPUID exits. The handlers above count.
 *
 * @return 0: all is as it should be; anything else: it is not
 */
int main(u64 unused, u64 unused2)
{
	u32 eax, ebx, ecx, edx;

	prepare();
	cli();
	hypercall(HYPERCALL_INTERRUPT, VECTOR, 0);
	cpuid(0, 0, &eax, &ebx, &ecx, &edx);
	if (interrupts)
		return 1;
	sti();
	if (interrupts != 1)
		return 2;
	hypercall(HYPERCALL_NMI, 0, 0);
	for (volatile int i = 0; i < 100000 && nmis < 2; i++)
		;
	if (nmi_nested)
		return 3;
	return nmis == 2 ? 0 : 4;
}
