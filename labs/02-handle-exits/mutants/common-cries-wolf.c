/*
 * mutant: cries-wolf
 * exercise: 2.17
 * track: common
 * hint: false-alarm
 * why: It wants the second NMI at once.
 */
int main(u64 unused, u64 unused2)
{
	prepare();
	cli();
	hypercall(HYPERCALL_INTERRUPT, VECTOR, 0);
	if (interrupts)
		return 1;
	sti();
	hypercall(HYPERCALL_NMI, 0, 0);
	return nmi_nested || nmis != 1 || interrupts != 1;
}
