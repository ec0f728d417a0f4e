/*
 * mutant: host-short
 * exercise: 1.5
 * track: intel
 * hint: msrs
 * why: PAT and EFER as a CPU has them after reset, or as they were when this was written.
 */
static void vmx_init_host(struct vcpu *v)
{
	struct descriptors *d = &this_cpu()->desc;

	for (u32 field = HOST_ES_SELECTOR; field <= HOST_TR_SELECTOR; field += 2)
		vmwrite(field, field == HOST_CS_SELECTOR ? SEL_CODE :
			       field == HOST_TR_SELECTOR ? SEL_TSS : SEL_DATA);
	vmwrite(HOST_CR0, read_cr0());
	vmwrite(HOST_CR3, read_cr3());
	vmwrite(HOST_CR4, read_cr4());
	vmwrite(HOST_IA32_PAT, PAT_RESET);
	vmwrite(HOST_IA32_EFER, EFER_LME | EFER_LMA);
	vmwrite(HOST_IA32_SYSENTER_CS, rdmsr(MSR_SYSENTER_CS));
	vmwrite(HOST_IA32_SYSENTER_ESP, rdmsr(MSR_SYSENTER_ESP));
	vmwrite(HOST_IA32_SYSENTER_EIP, rdmsr(MSR_SYSENTER_EIP));
	vmwrite(HOST_FS_BASE, rdmsr(MSR_FS_BASE));
	vmwrite(HOST_GS_BASE, rdmsr(MSR_GS_BASE));
	vmwrite(HOST_TR_BASE, (u64)&d->tss);
	vmwrite(HOST_GDTR_BASE, (u64)&d->gdt);
	vmwrite(HOST_IDTR_BASE, idt_register().base);
}
