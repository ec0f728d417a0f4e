/*
 * mutant: decodes-with-ifs
 * exercise: 1.7
 * track: amd
 * hint: value
 * why: CPUID's leaf is taken with all of RAX, and only its low half counts.
 */
static void svm_decode_exit(struct vcpu *v, struct hv_exit *x)
{
	struct vmcb *vmcb = v->cb;
	u32 code = (u32)vmcb->exitcode;

	x->code = code;
	x->rip = vmcb->rip;
	x->value = x->next_rip = 0;
	x->reason = svm_reason(code);
	if (code < VMEXIT_EXCP0 + 32) {
		svm_decode_range(vmcb, x);
	} else if (code == VMEXIT_CPUID || code == VMEXIT_VMMCALL) {
		x->value = vmcb->rax;
	} else if (code == VMEXIT_IOIO) {
		svm_decode_io(vmcb, x);
	} else if (code == VMEXIT_MSR) {
		x->msr.index = (u32)v->gpr[HV_RCX];
		x->value = x->msr.index;
		if (vmcb->exitinfo1 == 1)
			x->reason = HV_EXIT_WRMSR;
	} else if (code == VMEXIT_NPF) {
		x->value = vmcb->exitinfo2;
		x->memory.gpa = vmcb->exitinfo2;
		x->memory.fetch = vmcb->exitinfo1 >> 4 & 1;
		x->memory.write = vmcb->exitinfo1 >> 1 & 1;
		x->memory.present = vmcb->exitinfo1 & 1;
	} else if (code == VMEXIT_RDPMC) {
		x->value = EXC_GP;
	} else if (x->reason == HV_EXIT_INSN) {
		x->value = EXC_UD;
	}
}
