/*
 * mutant: deadline-zero
 * exercise: 2.13
 * track: intel
 * hint: too-often
 * why: a deadline that is near ends the run at once, again and again until it is there.
 */
void vmx_deadline(struct vcpu *v, u64 tsc)
{
	u64 rate = rdmsr(MSR_IA32_VMX_MISC) & VMX_MISC_TIMER_RATE, now = rdtsc();

	if (!(vmread(PIN_BASED_VM_EXEC_CONTROL) & PIN_PREEMPTION_TIMER))
		return;
	if (tsc > now && tsc - now >= VMX_WATCHDOG_TICKS)
		vmwrite(VMX_PREEMPTION_TIMER_VALUE, VMX_WATCHDOG_TICKS >> rate);
	else
		vmwrite(VMX_PREEMPTION_TIMER_VALUE, 0);
}
