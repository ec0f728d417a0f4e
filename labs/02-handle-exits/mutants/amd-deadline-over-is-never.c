/*
 * mutant: deadline-over-is-never
 * exercise: 2.13
 * track: amd
 * hint: past
 * why: a deadline that is over is left alone.
 */
static void svm_deadline(struct vcpu *v, u64 tsc)
{
	u64 now = rdtsc();

	if (tsc > now && tsc - now < apic_timer_left())
		apic_timer_shorten(tsc - now);
}
