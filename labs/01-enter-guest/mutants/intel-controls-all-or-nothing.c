/*
 * mutant: controls-all-or-nothing
 * exercise: 1.3
 * track: intel
 * hint: need
 * why: Whatever is asked for and can't be had is an error.
 */
static int vmx_adjust_controls(u32 msr, u64 required, u64 optional, u32 *controls)
{
	u64 want = required | optional, cap, may;

	if (rdmsr(MSR_IA32_VMX_BASIC) & VMX_BASIC_TRUE_CONTROLS &&
	    msr != MSR_IA32_VMX_PROCBASED_CTLS2)
		msr += 12;
	cap = rdmsr(msr);
	may = cap >> 32;
	*controls = (u32)(((u32)cap | want) & may);
	if (want & ~may)
		return -ENODEV;
	return 0;
}
