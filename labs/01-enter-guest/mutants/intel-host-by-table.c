/*
 * mutant: host-by-table
 * exercise: 1.5
 * track: intel
 * hint: bases
 * why: TR.base is where its descriptor is, not where the TSS is.
 */
static void vmx_init_host(struct vcpu *v)
{
	struct cpu *cpu = this_cpu();
	const struct {
		u32 field;
		u64 value;
	} fields[] = {
		{ HOST_CR0, read_cr0() }, { HOST_CR3, read_cr3() }, { HOST_CR4, read_cr4() },
		{ HOST_IA32_EFER, rdmsr(MSR_EFER) }, { HOST_IA32_PAT, rdmsr(MSR_PAT) },
		{ HOST_IA32_SYSENTER_CS, rdmsr(MSR_SYSENTER_CS) },
		{ HOST_IA32_SYSENTER_ESP, rdmsr(MSR_SYSENTER_ESP) },
		{ HOST_IA32_SYSENTER_EIP, rdmsr(MSR_SYSENTER_EIP) },
		{ HOST_CS_SELECTOR, SEL_CODE }, { HOST_SS_SELECTOR, SEL_DATA },
		{ HOST_DS_SELECTOR, SEL_DATA }, { HOST_ES_SELECTOR, SEL_DATA },
		{ HOST_FS_SELECTOR, SEL_DATA }, { HOST_GS_SELECTOR, SEL_DATA },
		{ HOST_TR_SELECTOR, SEL_TSS },
		{ HOST_FS_BASE, rdmsr(MSR_FS_BASE) }, { HOST_GS_BASE, (u64)cpu },
		{ HOST_GDTR_BASE, (u64)cpu->desc.gdt },
		{ HOST_TR_BASE, (u64)&cpu->desc.gdt[SEL_TSS / 8] },
		{ HOST_IDTR_BASE, idt_register().base },
	};

	for (u32 i = 0; i < ARRAY_SIZE(fields); i++)
		vmwrite(fields[i].field, fields[i].value);
}
