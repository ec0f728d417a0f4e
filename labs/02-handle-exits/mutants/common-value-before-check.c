/*
 * mutant: value-before-check
 * exercise: 2.10
 * track: common
 * hint: touched
 * why: The value goes into RAX and RDX before it is known to be one.
 */
static void msr_access(struct vcpu *v, const struct hv_exit *x, const struct hv_msr *rule)
{
	u64 value = 0;
	int err;

	if (x->reason == HV_EXIT_RDMSR) {
		err = msr_read(v, rule, x->msr.index, &value);
		v->gpr[HV_RAX] = (u32)value;
		v->gpr[HV_RDX] = value >> 32;
	} else {
		value = v->gpr[HV_RDX] << 32 | (u32)v->gpr[HV_RAX];
		err = msr_write(v, rule, x->msr.index, value);
	}
	if (err)
		vcpu_raise(v, EXC_GP);
}
