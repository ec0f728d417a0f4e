/*
 * mutant: in-size-left
 * exercise: 2.3
 * track: common
 * hint: pending
 * why: The size is forgotten for EAX only.
 */
static void in_merge(struct vcpu *v, u32 data)
{
	u64 keep[] = { 0, ~0xffull, ~0xffffull };

	if (v->in_size == 4) {
		v->gpr[HV_RAX] = data;
		v->in_size = 0;
		return;
	}
	v->gpr[HV_RAX] = (v->gpr[HV_RAX] & keep[v->in_size]) | (data & ~keep[v->in_size]);
}
