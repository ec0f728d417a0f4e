/*
 * mutant: no-interrupt
 * exercise: 2.17
 * track: common
 * hint: shadow
 * why: No interrupt waits when STI is tried.
 */
int main(u64 unused, u64 unused2)
{
	u32 a, b, c, d;

	prepare();
	cli();
	hypercall(HYPERCALL_INTERRUPT, VECTOR, 0);
	cpuid(0, 0, &a, &b, &c, &d);
	if (interrupts)
		return 1;
	asm volatile("sti; nop; nop; cli" : : : "memory");
	sti();
	hypercall(HYPERCALL_NMI, 0, 0);
	for (volatile int i = 0; i < 100000 && nmis < 2; i++)
		;
	return nmi_nested ? 2 : 0;
}
