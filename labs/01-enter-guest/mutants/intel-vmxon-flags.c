/*
 * mutant: vmxon-flags
 * exercise: 1.2
 * track: intel
 * hint: failure
 * why: VMfailValid takes a current VMCS, and there is none yet; VMXON fails with VMfailInvalid.
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
	if (vmxon(virt_to_phys(page)) == VMX_FAIL_VALID) {
		page_free(page);
		return -EPERM;
	}
	cpu->hvm_area = page;
	return 0;
}
