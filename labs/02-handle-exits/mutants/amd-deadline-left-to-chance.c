/*
 * mutant: deadline-left-to-chance
 * exercise: 2.13
 * track: amd
 * hint: never
 * why: the timer is only set when none is running, and one always is.
 */
static void svm_deadline(struct vcpu *v, u64 tsc)
{
	s64 left = (s64)(tsc - rdtsc());

	if (apic_timer_left() == UINT64_MAX)
		apic_timer_shorten(left > 0 ? (u64)left : 1);
}
