/*
 * mutant: takes-two-pages
 * exercise: 1.2
 * track: intel
 * hint: page-lost
 * why: One exit for all errors, and it forgets what has been taken by then.
 */
static int vmx_cpu_on(struct cpu *cpu)
{
	u64 feature = hvm_firmware_read();
	int err = -EPERM;

	if (!(feature & FEATURE_CONTROL_LOCK)) {
		feature |= FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMXON;
		hvm_firmware_write(feature);
	}
	if (!(feature & FEATURE_CONTROL_VMXON))
		goto out;
	err = -ENOMEM;
	cpu->hvm_area = page_alloc();
	if (!cpu->hvm_area)
		goto out;
	*(u32 *)cpu->hvm_area = rdmsr(MSR_IA32_VMX_BASIC) & VMX_BASIC_REVISION;
	write_cr0(read_cr0() | rdmsr(MSR_IA32_VMX_CR0_FIXED0));
	write_cr4(read_cr4() | rdmsr(MSR_IA32_VMX_CR4_FIXED0));
	err = vmxon(virt_to_phys(cpu->hvm_area)) == VMX_SUCCEED ? 0 : -EPERM;
out:
	return err;
}
