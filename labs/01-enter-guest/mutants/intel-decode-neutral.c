/*
 * mutant: decode-neutral
 * exercise: 1.7
 * track: intel
 * hint: reason
 * why: Whoever knows only the commonest reasons calls the others unknown.
 */
static void vmx_decode_exit(struct vcpu *v, struct hv_exit *x)
{
	x->code = vmread(VM_EXIT_REASON) & EXIT_REASON_BASIC;
	x->rip = vmread(GUEST_RIP);
	x->next_rip = x->value = 0;
	x->reason = HV_EXIT_UNKNOWN;
	switch ((enum vmx_exit)x->code) {
	case VMX_EXIT_CPUID:
		x->value = (u32)v->gpr[HV_RAX];
		break;
	case VMX_EXIT_RDMSR:
	case VMX_EXIT_WRMSR:
		x->value = x->msr.index = (u32)v->gpr[HV_RCX];
		break;
	case VMX_EXIT_VMCALL:
		x->value = v->gpr[HV_RAX];
		break;
	case VMX_EXIT_IO_INSTRUCTION:
		vmx_decode_io(v, x);
		break;
	case VMX_EXIT_CR_ACCESS:
		vmx_decode_cr(x);
		break;
	case VMX_EXIT_EPT_VIOLATION:
		vmx_decode_memory(v, x);
		break;
	case VMX_EXIT_EXTERNAL_INTERRUPT:
	case VMX_EXIT_VMX_PREEMPTION_TIMER:
	case VMX_EXIT_TRIPLE_FAULT:
	case VMX_EXIT_HLT:
		break;
	default:
		return;
	}
	x->reason = vmx_reason(x->code);
}
