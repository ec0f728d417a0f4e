/*
 * mutant: deadline-unsigned
 * exercise: 2.13
 * track: intel
 * hint: past
 * why: less than nothing, without a sign, is more than the watchdog allows.
 */
void vmx_deadline(struct vcpu *v, u64 tsc)
{
	u64 left = tsc - rdtsc(), shift = rdmsr(MSR_IA32_VMX_MISC) & 31;

	if (left > VMX_WATCHDOG_TICKS)
		left = VMX_WATCHDOG_TICKS;
	if (vmread(PIN_BASED_VM_EXEC_CONTROL) & PIN_PREEMPTION_TIMER)
		vmwrite(VMX_PREEMPTION_TIMER_VALUE, left >> shift);
}
