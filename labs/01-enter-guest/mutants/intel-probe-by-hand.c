/*
 * mutant: probe-by-hand
 * exercise: 1.1
 * track: intel
 * hint: forbidden
 * why: Firmware is not asked at all.
 */
static int vmx_probe(struct hvm_caps *caps, const char **why)
{
	u32 i = 0;

	*why = "no VMX here";
	if ((cpuid(1, 0).ecx >> 5 & 1) == 0)
		return -ENODEV;
	while (i < ARRAY_SIZE(vmx_needs)) {
		u64 have = rdmsr(vmx_needs[i].msr);

		*why = vmx_needs[i].missing;
		if (vmx_needs[i].bits & ~have)
			return -ENODEV;
		i++;
	}
	caps->nested_paging = caps->next_rip = true;
	if (rdmsr(MSR_IA32_VMX_EPT_VPID_CAP) & EPT_CAP_PAGE_1G)
		caps->page_1g = true;
	if (rdmsr(MSR_IA32_VMX_PROCBASED_CTLS2) >> 32 & PROC2_ENABLE_VPID)
		caps->asids = 65535;
	return 0;
}
