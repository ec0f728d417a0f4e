/*
 * mutant: no-nmi
 * exercise: 2.17
 * track: common
 * hint: nmi
 * why: It tries interrupts only.
 */
int main(u64 unused, u64 unused2)
{
	u32 a, b, c, d;

	prepare();
	cli();
	if (hypercall(HYPERCALL_INTERRUPT, VECTOR, 0))
		return 3;
	for (int i = 0; i < 3; i++)
		cpuid(0, 0, &a, &b, &c, &d);
	if (interrupts != 0)
		return 1;
	sti();
	return interrupts == 1 ? 0 : 2;
}
