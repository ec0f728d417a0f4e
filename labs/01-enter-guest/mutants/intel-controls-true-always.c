/*
 * mutant: controls-true-always
 * exercise: 1.3
 * track: intel
 * hint: secondary
 * why: Every set is taken to have a true MSR, 12 further on.
 */
static int vmx_adjust_controls(u32 msr, u64 required, u64 optional, u32 *controls)
{
	u32 step = rdmsr(MSR_IA32_VMX_BASIC) >> 55 & 1 ?
		   MSR_IA32_VMX_TRUE_PINBASED_CTLS - MSR_IA32_VMX_PINBASED_CTLS : 0;
	u64 cap = rdmsr(msr + step);
	u32 low = (u32)cap, high = (u32)(cap >> 32);

	*controls = ((u32)required | (u32)optional | low) & high;
	if (required & ~(u64)high)
		return -ENODEV;
	return 0;
}
