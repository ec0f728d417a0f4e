/*
 * mutant: in-zero-extends
 * exercise: 2.3
 * track: common
 * hint: clobber
 * why: Every size clears the rest of RAX.
 */
static void in_merge(struct vcpu *v, u32 data)
{
	switch (v->in_size) {
	case 1:
		v->gpr[HV_RAX] = (u8)data;
		break;
	case 2:
		v->gpr[HV_RAX] = (u16)data;
		break;
	default:
		v->gpr[HV_RAX] = data;
	}
	v->in_size = 0;
}
