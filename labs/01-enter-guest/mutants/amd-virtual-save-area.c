/*
 * mutant: virtual-save-area
 * exercise: 1.2
 * track: amd
 * hint: wrmsr
 * why: VM_HSAVE_PA gets the page's virtual address.
 */
static int svm_cpu_on(struct cpu *cpu)
{
	void *area = page_alloc(), *vmcb = page_alloc();
	u64 efer = rdmsr(MSR_EFER);

	if (area == NULL || vmcb == NULL)
		return -ENOMEM;
	efer |= EFER_SVME;
	wrmsr(MSR_EFER, efer);
	cpu->hvm_area = area;
	wrmsr(MSR_VM_HSAVE_PA, (u64)area);
	cpu->host_vmcb = vmcb;
	cpu->host_vmcb_hpa = virt_to_phys(vmcb);
	return 0;
}
