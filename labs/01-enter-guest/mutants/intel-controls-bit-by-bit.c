/*
 * mutant: controls-bit-by-bit
 * exercise: 1.3
 * track: intel
 * hint: may
 * why: A bit of the upper half is looked for in the lower one, so none is ever forbidden.
 */
static int vmx_adjust_controls(u32 msr, u64 required, u64 optional, u32 *controls)
{
	bool is_true = rdmsr(MSR_IA32_VMX_BASIC) >> 55 & 1;
	u64 cap;

	if (is_true && msr <= MSR_IA32_VMX_ENTRY_CTLS)
		msr += 12;
	cap = rdmsr(msr);
	*controls = 0;
	for (u32 n = 0; n < 32; n++) {
		bool must = cap >> n & 1, may = must || !(cap >> n & 1);
		bool want = (required | optional) >> n & 1;

		if (must || (want && may))
			*controls |= 1u << n;
		else if (required >> n & 1)
			return -ENODEV;
	}
	return 0;
}
