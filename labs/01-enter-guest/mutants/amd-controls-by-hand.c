/*
 * mutant: controls-by-hand
 * exercise: 1.3
 * track: amd
 * hint: asid
 * why: The VM's id is its ASID, counted from 0, so that the first VM has the host's.
 */
static void svm_init_controls(struct vcpu *v)
{
	struct vm *vm = v->vm;
	struct vmcb *vmcb = v->cb;
	static const u32 misc1[] = {
		INTERCEPT_INTR, INTERCEPT_NMI, INTERCEPT_INIT, INTERCEPT_RDPMC, INTERCEPT_CPUID,
		INTERCEPT_INVD, INTERCEPT_HLT, INTERCEPT_INVLPGA, INTERCEPT_IOIO_PROT,
		INTERCEPT_MSR_PROT, INTERCEPT_TASK_SWITCH, INTERCEPT_FERR_FREEZE,
		(u32)INTERCEPT_SHUTDOWN,
	};

	for (u32 i = 0; i < ARRAY_SIZE(misc1); i++)
		vmcb->intercept_misc1 |= misc1[i];
	for (u32 bit = 0; bit < 14; bit++)
		vmcb->intercept_misc2 |= bit == 7 || bit == 8 ? 0 : BIT(bit);
	vmcb->intercept_cr |= INTERCEPT_CR8_WRITE;
	vmcb->intercept_exceptions |= BIT(EXC_AC);
	vmcb->intercept_exceptions |= BIT(EXC_DB);

	vmcb->np_enable = 1;
	vmcb->n_cr3 = vm->p2m_root.v;
	vmcb->iopm_base_pa = virt_to_phys(vm->io_bitmap).v;
	vmcb->msrpm_base_pa = virt_to_phys(vm->msr_bitmap).v;
	vmcb->guest_asid = (u32)(vm->id - 1);
	vmcb->tlb_control = TLB_CONTROL_FLUSH_ALL;
	vmcb->int_ctl = V_INTR_MASKING;
}
