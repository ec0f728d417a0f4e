/*
 * mutant: rdmsr-low-halves
 * exercise: 2.10
 * track: common
 * hint: upper
 * why: RDMSR leaves the upper halves of RAX and RDX as they were.
 */
static void msr_access(struct vcpu *v, const struct hv_exit *x, const struct hv_msr *rule)
{
	u32 *eax = (u32 *)&v->gpr[HV_RAX], *edx = (u32 *)&v->gpr[HV_RDX];
	u64 value = (u64)*edx << 32 | *eax;
	int err;

	if (x->reason == HV_EXIT_RDMSR)
		err = msr_read(v, rule, x->msr.index, &value);
	else
		err = msr_write(v, rule, x->msr.index, value);
	if (err) {
		vcpu_raise(v, EXC_GP);
		return;
	}
	if (x->reason == HV_EXIT_RDMSR) {
		*eax = (u32)value;
		*edx = (u32)(value >> 32);
	}
}
