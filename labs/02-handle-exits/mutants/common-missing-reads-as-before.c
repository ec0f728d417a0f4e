/*
 * mutant: missing-reads-as-before
 * exercise: 2.10
 * track: common
 * hint: no-gp
 * why: A register that does not exist is passed over.
 */
static void msr_access(struct vcpu *v, const struct hv_exit *x, const struct hv_msr *rule)
{
	bool write = x->reason == HV_EXIT_WRMSR;
	u64 value = (u32)v->gpr[HV_RAX] | v->gpr[HV_RDX] << 32;

	if (write && msr_write(v, rule, x->msr.index, value))
		vcpu_raise(v, EXC_GP);
	if (write || msr_read(v, rule, x->msr.index, &value))
		return;
	v->gpr[HV_RAX] = value & 0xffffffff;
	v->gpr[HV_RDX] = value >> 32;
}
