/*
 * mutant: leaf-overwritten
 * exercise: 2.5
 * track: common
 * hint: live
 * why: The leaf is looked up in RAX when the answer is there already.
 */
void cpuid_filter(struct vcpu *v)
{
	const struct hv_cpuid *c = cpuid_find(v->vm, (u32)v->gpr[HV_RAX], (u32)v->gpr[HV_RCX]);

	v->gpr[HV_RAX] = c ? c->eax : 0;
	v->gpr[HV_RBX] = c ? c->ebx : 0;
	v->gpr[HV_RCX] = c ? c->ecx : 0;
	v->gpr[HV_RDX] = c ? c->edx : 0;
	switch ((u32)v->gpr[HV_RAX]) {
	case CPUID_FEATURES:
		live_features(v);
		break;
	case CPUID_XSTATE:
		if ((u32)v->gpr[HV_RCX] == 0)
			live_xsave_size(v);
	}
}
