/*
 * mutant: only-its-own-fields
 * exercise: 1.7
 * track: amd
 * hint: stale
 * why: Each kind of exit sets what it has, so another one's value stays.
 */
static void svm_decode_exit(struct vcpu *v, struct hv_exit *x)
{
	struct vmcb *c = vmcb_of(v);

	x->code = (u32)c->exitcode;
	x->rip = c->rip;
	x->reason = svm_reason(x->code);
	switch (x->reason) {
	case HV_EXIT_CPUID:
		x->value = (u32)c->rax;
		return;
	case HV_EXIT_HYPERCALL:
		x->value = c->rax;
		return;
	case HV_EXIT_IO:
		svm_decode_io(c, x);
		return;
	case HV_EXIT_RDMSR:
		x->value = x->msr.index = (u32)v->gpr[HV_RCX];
		if (c->exitinfo1)
			x->reason = HV_EXIT_WRMSR;
		return;
	case HV_EXIT_MEMORY:
		x->value = x->memory.gpa = c->exitinfo2;
		x->memory.present = c->exitinfo1 & NPF_PRESENT;
		x->memory.write = c->exitinfo1 & NPF_WRITE;
		x->memory.fetch = c->exitinfo1 & NPF_FETCH;
		return;
	case HV_EXIT_INSN:
		x->value = x->code == VMEXIT_RDPMC ? EXC_GP : EXC_UD;
		return;
	default:
		if (x->code < VMEXIT_INTR)
			svm_decode_range(c, x);
	}
}
