/*
 * mutant: decode-by-code
 * exercise: 1.7
 * track: intel
 * hint: stale
 * why: Only the reasons that have a value write it.
 */
static void vmx_decode_exit(struct vcpu *v, struct hv_exit *x)
{
	u64 rax = v->gpr[HV_RAX], rcx = v->gpr[HV_RCX];

	x->next_rip = 0;
	x->rip = vmread(GUEST_RIP);
	x->code = vmread(VM_EXIT_REASON) & EXIT_REASON_BASIC;
	x->reason = vmx_reason(x->code);
	if (x->reason == HV_EXIT_IO) {
		vmx_decode_io(v, x);
	} else if (x->reason == HV_EXIT_CR) {
		vmx_decode_cr(x);
	} else if (x->reason == HV_EXIT_MEMORY) {
		vmx_decode_memory(v, x);
	} else if (x->reason == HV_EXIT_EXCEPTION) {
		vmx_decode_exception(v, x);
	} else if (x->reason == HV_EXIT_INSN) {
		x->value = x->code == VMX_EXIT_RDPMC ? 13 : 6;
	} else if (x->reason == HV_EXIT_CPUID) {
		x->value = rax & 0xffffffff;
	} else if (x->reason == HV_EXIT_HYPERCALL) {
		x->value = rax;
	} else if (x->reason == HV_EXIT_RDMSR || x->reason == HV_EXIT_WRMSR) {
		x->msr.index = (u32)rcx;
		x->value = (u32)rcx;
	} else if (x->reason == HV_EXIT_REFUSED) {
		x->value = vmread(EXIT_QUALIFICATION);
	}
}
