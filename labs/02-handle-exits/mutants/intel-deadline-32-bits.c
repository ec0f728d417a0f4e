/*
 * mutant: deadline-32-bits
 * exercise: 2.13
 * track: intel
 * hint: long
 * why: what is left is kept in 32 bits, before it is compared.
 */
void vmx_deadline(struct vcpu *v, u64 tsc)
{
	u64 now = rdtsc();
	u32 left = now > tsc ? 0 : (u32)(tsc - now);

	if (!(vmread(PIN_BASED_VM_EXEC_CONTROL) & PIN_PREEMPTION_TIMER))
		return;
	if (left > 0xffff0000)
		left = 0xffff0000;
	vmwrite(VMX_PREEMPTION_TIMER_VALUE, left >> (rdmsr(MSR_IA32_VMX_MISC) & 31));
}
