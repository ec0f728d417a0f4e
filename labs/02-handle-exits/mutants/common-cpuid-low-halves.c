/*
 * mutant: cpuid-low-halves
 * exercise: 2.5
 * track: common
 * hint: upper
 * why: Only the low halves of the registers are written.
 */
void cpuid_filter(struct vcpu *v)
{
	static const u8 order[] = { HV_RAX, HV_RBX, HV_RCX, HV_RDX };
	u32 leaf = (u32)v->gpr[HV_RAX], subleaf = (u32)v->gpr[HV_RCX];
	const struct hv_cpuid *c = cpuid_find(v->vm, leaf, subleaf);
	u32 answer[4] = { 0 };

	if (c) {
		answer[0] = c->eax;
		answer[1] = c->ebx;
		answer[2] = c->ecx;
		answer[3] = c->edx;
	}
	for (u32 i = 0; i < ARRAY_SIZE(order); i++)
		*(u32 *)&v->gpr[order[i]] = answer[i];
	if (leaf == CPUID_FEATURES)
		live_features(v);
	if (leaf == CPUID_XSTATE && !subleaf)
		live_xsave_size(v);
}
