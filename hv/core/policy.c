/* CPUID and MSRs, from the tables that came with the machine's configuration. */
#include "core/vcpu.h"
#include "hvm/hvm.h"
#include "core/console.h"
#include "core/fpu.h"
#include "lib/cpuid.h"
#include "lib/lab.h"
#include "x86/insn.h"
#include "x86/regs.h"

#define CPUID_FEATURES		0x1
#define CPUID_1_ECX_OSXSAVE	BIT(27)
#define CPUID_XSTATE		0xd

__maybe_unused static const struct hv_cpuid *cpuid_find(const struct vm *vm, u32 leaf, u32 subleaf)
{
	const struct hv_cpuid *end = vm->config.cpuid + vm->config.cpuid_count;

	for (const struct hv_cpuid *c = vm->config.cpuid; c < end; c++) {
		if (c->leaf == leaf && (c->subleaf == subleaf || c->subleaf == HV_CPUID_ANY))
			return c;
	}
	return NULL;
}

__maybe_unused static __noinline void live_features(struct vcpu *v)
{
	v->gpr[HV_RBX] |= v->index << 24;	/* initial APIC id */
	if (v->vm->ops->get(v, HVM_CR4) & CR4_OSXSAVE)
		v->gpr[HV_RCX] |= CPUID_1_ECX_OSXSAVE;
}

/* It goes by XCR0, which is the guest's while we are here. */
__maybe_unused static __noinline void live_xsave_size(struct vcpu *v)
{
	v->gpr[HV_RBX] = cpuid(CPUID_XSTATE, 0).ebx;
}

/**
 * CPUID: what the guest asks for with EAX (leaf) and ECX (subleaf) comes from the machine's policy,
 * and a leaf that is not there reads as zeros. Each of RAX, RBX, RCX and RDX gets 32 bits, its
 * upper half becomes 0. A few bits follow the guest's own registers: live_features() puts those of
 * leaf 1 right, live_xsave_size() those of leaf 0DH, subleaf 0 (SDM vol. 2, CPUID).
 */
void cpuid_filter(struct vcpu *v)
{
	static const struct hv_cpuid nothing;
	u32 leaf = (u32)v->gpr[HV_RAX], subleaf = (u32)v->gpr[HV_RCX];
	const struct hv_cpuid *c = cpuid_find(v->vm, leaf, subleaf);

	if (!c)
		c = &nothing;
	v->gpr[HV_RAX] = c->eax;
	v->gpr[HV_RBX] = c->ebx;
	v->gpr[HV_RCX] = c->ecx;
	v->gpr[HV_RDX] = c->edx;
	if (leaf == CPUID_FEATURES)
		live_features(v);
	else if (leaf == CPUID_XSTATE && subleaf == 0)
		live_xsave_size(v);
}

/* Registers that a guest may have itself: state.def switches each of them. */
static const u32 switched[] = {
	MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP, MSR_STAR, MSR_LSTAR, MSR_CSTAR,
	MSR_SFMASK, MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE, MSR_TSC_AUX,
};

int msr_policy_check(const struct hv_machine_config *config)
{
	for (u32 i = 0; i < config->msr_count; i++) {
		u32 n = 0;

		if (config->msr[i].rule != HV_MSR_PASS)
			continue;
		while (n < ARRAY_SIZE(switched) && switched[n] != config->msr[i].index)
			n++;
		if (n == ARRAY_SIZE(switched))
			return -EINVAL;
	}
	return 0;
}

/* EFER exits always: on AMD it holds SVME, which no guest may see. */
static int efer_write(struct vcpu *v, u64 value)
{
	const struct hvm_ops *ops = v->vm->ops;
	u64 old = ops->get(v, HVM_EFER);

	if (value & ~(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE))
		return -EINVAL;
	if ((value ^ old) & EFER_LME && ops->get(v, HVM_CR0) & CR0_PG)
		return -EINVAL;
	ops->set(v, HVM_EFER, value);
	return 0;
}

/* So does the PAT, for a rare register: QEMU's TCG keeps one for host and guests together. */
static int pat_write(struct vcpu *v, u64 value)
{
	for (u64 rest = value; rest; rest >>= 8) {
		u64 type = rest & 0xff;		/* SDM vol. 3, table 11-10 */

		if (type > 7 || type == 2 || type == 3)
			return -EINVAL;
	}
	v->vm->ops->set(v, HVM_PAT, value);
	return 0;
}

/*
 * The TSC: the hardware adds an offset for RDTSC, so for RDMSR we do. (It could be passed, but
 * QEMU's TCG gives 0.)
 */
static u64 tsc_read(struct vcpu *v)
{
	return rdtsc() + v->vm->ops->get(v, HVM_TSC_OFFSET);
}

static int tsc_write(struct vcpu *v, u64 value)
{
	v->vm->ops->set(v, HVM_TSC_OFFSET, value - rdtsc());
	return 0;
}

static const struct hv_msr *msr_find(const struct vm *vm, u32 index)
{
	const struct hv_msr *end = vm->config.msr + vm->config.msr_count;

	for (const struct hv_msr *m = vm->config.msr; m < end; m++) {
		if (m->index == index)
			return m;
	}
	return NULL;
}

/* Somebody who brings up a guest wants to know what it missed: a line for each, once. */
static __noinline void tell_unknown(struct vm *vm, const char *insn, u32 index)
{
	for (u32 i = 0; i < vm->unknown_msrs; i++) {
		if (vm->unknown_msr[i] == index)
			return;
	}
	if (vm->unknown_msrs == ARRAY_SIZE(vm->unknown_msr))
		return;
	vm->unknown_msr[vm->unknown_msrs++] = index;
	printf("vm %s: %s of 0x%x, an MSR that it does not have: #GP\n", vm->config.name, insn,
	       index);
	if (vm->unknown_msrs == ARRAY_SIZE(vm->unknown_msr))
		printf("vm %s: it tries many; the others are not told\n", vm->config.name);
}

/* `rule` is NULL for a register that the policy does not list. */
__maybe_unused static __noinline int msr_write(struct vcpu *v, const struct hv_msr *rule, u32 index,
					       u64 value)
{
	if (index == MSR_EFER)
		return efer_write(v, value);
	if (index == MSR_PAT)
		return pat_write(v, value);
	if (index == MSR_TSC)
		return tsc_write(v, value);
	if (!rule)
		tell_unknown(v->vm, "WRMSR", index);
	return rule && rule->rule == HV_MSR_IGNORE ? 0 : -EINVAL;
}

static __noinline int msr_read_own(struct vcpu *v, u32 index, u64 *value)
{
	switch (index) {
	case MSR_EFER: *value = v->vm->ops->get(v, HVM_EFER); return 0;
	case MSR_PAT: *value = v->vm->ops->get(v, HVM_PAT); return 0;
	case MSR_TSC: *value = tsc_read(v); return 0;
	default: tell_unknown(v->vm, "RDMSR", index); return -EINVAL;
	}
}

__maybe_unused static int msr_read(struct vcpu *v, const struct hv_msr *rule, u32 index, u64 *value)
{
	if (!rule)
		return msr_read_own(v, index, value);
	*value = rule->value;
	return 0;
}

/**
 * Do what RDMSR or WRMSR (x->reason) of x->msr.index asks for, with msr_read() or msr_write().
 *
 * The value is in EDX:EAX, 32 bits each; the upper halves of RDX and RAX do not count, and RDMSR
 * clears them (SDM vol. 2, RDMSR and WRMSR). When the register does not exist, or does not take the
 * value, the guest gets #GP instead: vcpu_raise(). Then RAX and RDX stay as they were.
 */
static void msr_access(struct vcpu *v, const struct hv_exit *x, const struct hv_msr *rule)
{
	u64 value;

	if (x->reason == HV_EXIT_WRMSR) {
		value = v->gpr[HV_RDX] << 32 | (u32)v->gpr[HV_RAX];
		if (msr_write(v, rule, x->msr.index, value))
			vcpu_raise(v, EXC_GP);
	} else if (msr_read(v, rule, x->msr.index, &value)) {
		vcpu_raise(v, EXC_GP);
	} else {
		v->gpr[HV_RAX] = (u32)value;
		v->gpr[HV_RDX] = value >> 32;
	}
}

/* The bitmap stays closed until the guest asks for a register: most never do. */
bool msr_exit(struct vcpu *v, const struct hv_exit *x)
{
	const struct hv_msr *rule = msr_find(v->vm, x->msr.index);

	if (!rule || rule->rule != HV_MSR_PASS) {
		msr_access(v, x, rule);
		return true;
	}
	v->vm->ops->msr_pass(v->vm, x->msr.index);
	return false;
}
