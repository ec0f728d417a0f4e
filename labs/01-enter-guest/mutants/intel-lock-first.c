/*
 * mutant: lock-first
 * exercise: 1.2
 * track: intel
 * hint: locked
 * why: The bits are set whether or not the register is locked, "to be on the safe side".
 */
static int vmx_cpu_on(struct cpu *cpu)
{
	const u64 both = FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMXON;
	u64 feature = hvm_firmware_read();

	if ((feature & both) == FEATURE_CONTROL_LOCK)
		return -EPERM;
	hvm_firmware_write(feature | both);
	write_cr0(read_cr0() | rdmsr(MSR_IA32_VMX_CR0_FIXED0));
	write_cr4(read_cr4() | CR4_VMXE);
	cpu->hvm_area = page_alloc();
	if (!cpu->hvm_area)
		return -ENOMEM;
	*(u32 *)cpu->hvm_area = (u32)rdmsr(MSR_IA32_VMX_BASIC);
	if (vmxon(virt_to_phys(cpu->hvm_area))) {
		page_free(cpu->hvm_area);
		return -EPERM;
	}
	return 0;
}
