/*
 * mutant: deadline-not-compared
 * exercise: 2.13
 * track: amd
 * hint: far
 * why: the timer is set anew for each deadline, however far off.
 */
static void svm_deadline(struct vcpu *v, u64 tsc)
{
	u64 now = rdtsc();

	apic_timer_shorten(tsc > now ? tsc - now : 1);
}
