/*
 * mutant: sizes-alike
 * exercise: 2.3
 * track: common
 * hint: upper-kept
 * why: All three sizes leave the rest of RAX alone, EAX too.
 */
static void in_merge(struct vcpu *v, u32 data)
{
	u64 mask = (1ull << 8 * v->in_size) - 1;

	v->gpr[HV_RAX] &= ~mask;
	v->gpr[HV_RAX] |= data & mask;
	v->in_size = 0;
}
