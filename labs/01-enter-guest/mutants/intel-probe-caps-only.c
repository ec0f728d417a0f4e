/*
 * mutant: probe-caps-only
 * exercise: 1.1
 * track: intel
 * hint: caps
 * why: VPIDs are taken for ASIDs, of which AMD's CPUs have 16 at least.
 */
static int vmx_probe(struct hvm_caps *caps, const char **why)
{
	u64 firmware;
	u32 met = 0;

	if (!(cpuid(1, 0).ecx & BIT(5))) {
		*why = "VMX is missing";
		return -ENODEV;
	}
	firmware = hvm_firmware_read() & (FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMXON);
	if (firmware == FEATURE_CONTROL_LOCK) {
		*why = "VMX is locked";
		return -EPERM;
	}
	while (met < ARRAY_SIZE(vmx_needs) && !(~rdmsr(vmx_needs[met].msr) & vmx_needs[met].bits))
		met++;
	if (met < ARRAY_SIZE(vmx_needs)) {
		*why = vmx_needs[met].missing;
		return -ENODEV;
	}
	caps->asids = 16;
	caps->nested_paging = true;
	caps->next_rip = true;
	caps->page_1g = rdmsr(MSR_IA32_VMX_EPT_VPID_CAP) >> 17 & 1;
	return 0;
}
