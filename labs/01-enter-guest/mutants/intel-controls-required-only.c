/*
 * mutant: controls-required-only
 * exercise: 1.3
 * track: intel
 * hint: optional
 * why: Optional controls are taken only if the CPU has all of them.
 */
static int vmx_adjust_controls(u32 msr, u64 required, u64 optional, u32 *controls)
{
	u64 must, may;

	if (msr != MSR_IA32_VMX_PROCBASED_CTLS2 &&
	    rdmsr(MSR_IA32_VMX_BASIC) & VMX_BASIC_TRUE_CONTROLS)
		msr += 12;
	must = (u32)rdmsr(msr);
	may = rdmsr(msr) >> 32;
	if (required & ~may)
		return -ENODEV;
	if (optional & ~may)
		optional = 0;
	*controls = (u32)(must | required | optional);
	return 0;
}
