/*
 * mutant: vmxon-too-early
 * exercise: 1.2
 * track: intel
 * hint: vmxe
 * why: CR4 gets its bits after VMXON, which has looked at them by then.
 */
static int vmx_cpu_on(struct cpu *cpu)
{
	u64 feature = hvm_firmware_read();
	enum vmx_status status;
	u32 *page;

	if (!(feature & FEATURE_CONTROL_LOCK)) {
		feature |= FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMXON;
		hvm_firmware_write(feature);
	}
	if (!(feature & FEATURE_CONTROL_VMXON))
		return -EPERM;
	page = page_alloc();
	if (!page)
		return -ENOMEM;
	page[0] = (u32)rdmsr(MSR_IA32_VMX_BASIC);
	write_cr0(read_cr0() | rdmsr(MSR_IA32_VMX_CR0_FIXED0));
	status = vmxon(virt_to_phys(page));
	write_cr4(read_cr4() | rdmsr(MSR_IA32_VMX_CR4_FIXED0));
	if (status) {
		page_free(page);
		return -EPERM;
	}
	cpu->hvm_area = page;
	return 0;
}
