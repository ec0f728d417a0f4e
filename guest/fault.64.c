/* Does one thing that ends its VM. The argument says which. */
#include "guest.h"

enum fault { TRIPLE, MEMORY, FETCH, SPIN, HALT, UNKNOWN, STACK, NARROW_OUT, DEAF_HALT, BAD_CR3 };

int main(u64 fault, u64 unused);
int main(u64 fault, u64 unused)
{
	static const struct { u16 limit; u64 base; } __attribute__((packed)) no_idt;

	put_text("here I go\n");
	switch ((enum fault)fault) {
	case TRIPLE:
		asm volatile("lidt %0; ud2" : : "m"(no_idt));
		break;
	case MEMORY:
		*(volatile u8 *)0x3fffffff = 1;
		break;
	case FETCH:
		((void (*)(void))0x3fffffff)();
		break;
	case SPIN:
		for (;;)
			;
	case HALT:
		asm volatile("cli; hlt");
		break;
	case UNKNOWN:		/* on a device: the probe, if the VM has it */
		asm volatile("fldl (%0)" : : "r"(0xfedf0000ul));
		break;
	case NARROW_OUT:	/* only AL counts */
		asm volatile("out %%al, %1" : : "a"(0x12345607), "N"(EXIT_PORT));
		break;
	case DEAF_HALT:		/* an interrupt waits, but it may not come */
		asm volatile("cli");
		hypercall(HYPERCALL_INTERRUPT, 0x40, 0);
		asm volatile("hlt");
		break;
	case BAD_CR3:		/* #GP, and there is no IDT */
		asm volatile("mov %0, %%cr3" : : "r"(~0xfffull));
		break;
	case STACK:
		asm volatile("lidt %0; mov %1, %%rsp; push %%rax" : : "m"(no_idt), "r"(1ull << 63));
		break;
	}
	return 0;
}
