/*
 * mutant: never-off
 * exercise: 2.17
 * track: common
 * hint: interrupts-off
 * why: Interrupts come, and so they do; but not too early.
 */
int main(u64 unused, u64 unused2)
{
	prepare();
	hypercall(HYPERCALL_INTERRUPT, VECTOR, 0);
	sti();
	if (interrupts != 1)
		return 1;
	hypercall(HYPERCALL_NMI, 0, 0);
	while (nmis < 2)
		;
	return (int)nmi_nested;
}
