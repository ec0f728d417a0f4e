/*
 * mutant: vmxon-flags
 * exercise: 1.2
 * track: intel
 * hint: failure
 * why: VMXON has failed only if it says VMfailInvalid; in VMX operation it says VMfailValid.
 */
static int vmx_cpu_on(struct cpu *cpu)
{
	u64 feature = hvm_firmware_read();
	u32 *page;

	if ((feature & (FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMXON)) == FEATURE_CONTROL_LOCK)
		return -EPERM;
	if (!(feature & FEATURE_CONTROL_LOCK))
		hvm_firmware_write(feature | FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMXON);
	page = page_alloc();
	if (!page)
		return -ENOMEM;
	page[0] = rdmsr(MSR_IA32_VMX_BASIC) & VMX_BASIC_REVISION;
	write_cr0(read_cr0() | rdmsr(MSR_IA32_VMX_CR0_FIXED0));
	write_cr4(read_cr4() | rdmsr(MSR_IA32_VMX_CR4_FIXED0));
	if (vmxon(virt_to_phys(page)) == VMX_FAIL_INVALID) {
		page_free(page);
		return -EPERM;
	}
	cpu->hvm_area = page;
	return 0;
}
