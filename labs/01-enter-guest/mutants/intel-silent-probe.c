/*
 * mutant: silent-probe
 * exercise: 1.1
 * track: intel
 * hint: reason
 * why: No answer but the last says why.
 */
static int vmx_probe(struct hvm_caps *caps, const char **why)
{
	u64 firmware;

	if (!(cpuid(1, 0).ecx & CPUID_1_ECX_VMX))
		return -ENODEV;
	firmware = hvm_firmware_read();
	if (firmware & FEATURE_CONTROL_LOCK)
		if (!(firmware & FEATURE_CONTROL_VMXON))
			return -EPERM;
	for (u32 i = 0; i < ARRAY_SIZE(vmx_needs); i++)
		if (~rdmsr(vmx_needs[i].msr) & vmx_needs[i].bits)
			return -ENODEV;
	*why = "";
	caps->asids = rdmsr(MSR_IA32_VMX_PROCBASED_CTLS2) & PROC2_ENABLE_VPID << 32 ? 65535 : 0;
	caps->nested_paging = true;
	caps->next_rip = true;
	caps->page_1g = rdmsr(MSR_IA32_VMX_EPT_VPID_CAP) & EPT_CAP_PAGE_1G;
	return 0;
}
