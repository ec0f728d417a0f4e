/*
 * mutant: deadline-absolute
 * exercise: 2.13
 * track: intel
 * hint: late
 * why: the field gets the time of day; the timer counts down.
 */
void vmx_deadline(struct vcpu *v, u64 tsc)
{
	u64 rate = rdmsr(MSR_IA32_VMX_MISC) & VMX_MISC_TIMER_RATE;
	u64 value = tsc;

	if (!(vmread(PIN_BASED_VM_EXEC_CONTROL) & PIN_PREEMPTION_TIMER))
		return;
	if (value > VMX_WATCHDOG_TICKS)
		value = VMX_WATCHDOG_TICKS;
	vmwrite(VMX_PREEMPTION_TIMER_VALUE, value >> rate);
}
