/*
 * What a guest sees of CPUID and the MSRs: this machine's features, less what we don't give it.
 * Leaves and bits: SDM vol. 2, CPUID; APM vol. 3, appendix E.
 */
#include "lib/cpuid.h"
#include "lib/string.h"
#include "vmm/vmm.h"
#include "x86/regs.h"

/* Leaf 1 */
#define ECX_KEPT	(BIT(0) | BIT(1) | BIT(9) | BIT(12) | BIT(13) | BIT(19) | BIT(20) | \
			 BIT(22) | BIT(23) | BIT(25) | BIT(26) | BIT(28) | BIT(29) | BIT(30))
#define ECX_HYPERVISOR	BIT(31)
#define EDX_MCE		BIT(7)
#define EDX_APIC	BIT(9)
#define EDX_MTRR	BIT(12)
#define EDX_MCA		BIT(14)
#define EDX_DS		BIT(21)
#define EDX_ACPI	BIT(22)
#define EDX_HTT		BIT(28)		/* there is one logical processor */
#define EDX_TM		BIT(29)
#define EDX_PBE		BIT(31)
#define EDX_DROPPED	(EDX_MCE | EDX_APIC | EDX_MTRR | EDX_MCA | EDX_DS | EDX_ACPI | EDX_HTT | \
			 EDX_TM | EDX_PBE)
#define EBX_KEPT	0x0000ff00u	/* the size of a cache line, for CLFLUSH */

/* Leaf 7.0: what needs no more than the CPU and the guest's own registers */
#define EBX_7_KEPT	(BIT(0) | BIT(3) | BIT(5) | BIT(7) | BIT(8) | BIT(9) | BIT(16) | \
			 BIT(17) | BIT(18) | BIT(19) | BIT(20) | BIT(28) | BIT(30) | BIT(31))

/* Leaf 8000_0001. AMD's EDX says many bits of leaf 1 again, and must say the same. */
#define EXT_ECX_KEPT	(BIT(0) | BIT(4) | BIT(5) | BIT(6) | BIT(7) | BIT(8))
#define EXT_EDX_DROPPED	(BIT(25))	/* FFXSR */
#define EXT_EDX_AGAIN	(EDX_MCE | EDX_APIC | EDX_MTRR | EDX_MCA)

/* Leaf 8000_0008: leaf 7 does not offer LA57, which would make it 57. */
#define LINEAR_BITS	48u

/* What is of no use without its registers in XCR0 */
#define ECX_AVX		(BIT(12) | BIT(28) | BIT(29))		/* and FMA, F16C */
#define EBX_7_AVX2	BIT(5)
#define EBX_7_AVX512	(BIT(16) | BIT(17) | BIT(28) | BIT(30) | BIT(31))

static void add(struct hv_machine_config *c, u32 leaf, u32 subleaf, struct cpuid_regs r)
{
	c->cpuid[c->cpuid_count++] = (struct hv_cpuid){
		.leaf = leaf, .subleaf = subleaf,
		.eax = r.eax, .ebx = r.ebx, .ecx = r.ecx, .edx = r.edx,
	};
}

static void basic_leaves(struct hv_machine_config *c)
{
	struct cpuid_regs r = cpuid(0, 0);
	u64 ecx = ECX_KEPT, ebx_7 = EBX_7_KEPT;
	struct hv_capability cap;

	hv_capability(&cap);
	if (!(cap.xcr0 & XCR0_AVX)) {
		ecx &= ~ECX_AVX;
		ebx_7 &= ~EBX_7_AVX2;
	}
	if ((cap.xcr0 & XCR0_AVX512) != XCR0_AVX512)
		ebx_7 &= ~EBX_7_AVX512;
	r.eax = r.eax < 0xd ? r.eax : 0xd;
	add(c, 0, HV_CPUID_ANY, r);

	r = cpuid(1, 0);
	r.ebx &= EBX_KEPT;
	r.ecx = (r.ecx & (u32)ecx) | (u32)ECX_HYPERVISOR;
	r.edx &= ~(u32)EDX_DROPPED;
	add(c, 1, HV_CPUID_ANY, r);

	r = cpuid(7, 0);
	add(c, 7, 0, (struct cpuid_regs){ .ebx = r.ebx & (u32)ebx_7 });
}

/* Leaf 0DH: the XSAVE components that a guest may turn on. */
static void xsave_leaves(struct hv_machine_config *c)
{
	struct hv_capability cap;
	struct cpuid_regs r = cpuid(0xd, 0);

	hv_capability(&cap);
	r.eax = (u32)cap.xcr0;
	r.ecx = 512 + 64;
	r.edx = (u32)(cap.xcr0 >> 32);
	for (u32 i = 2; i < 32; i++) {
		struct cpuid_regs part = cpuid(0xd, i);

		if (cap.xcr0 >> i & 1 && part.ebx + part.eax > r.ecx)
			r.ecx = part.ebx + part.eax;	/* where it begins, and its size */
	}
	add(c, 0xd, 0, r);
	add(c, 0xd, 1, (struct cpuid_regs){ .eax = cpuid(0xd, 1).eax & 1 });	/* XSAVEOPT */
	for (u32 i = 2; i < 32; i++) {
		if (cap.xcr0 >> i & 1)
			add(c, 0xd, i, cpuid(0xd, i));
	}
}

static void extended_leaves(struct hv_machine_config *c)
{
	struct cpuid_regs r = cpuid(0x80000000, 0);

	r.eax = r.eax < 0x80000008 ? r.eax : 0x80000008;
	add(c, 0x80000000, HV_CPUID_ANY, r);
	r = cpuid(0x80000001, 0);
	r.ecx &= (u32)EXT_ECX_KEPT;
	r.edx &= ~(u32)(EXT_EDX_DROPPED | EXT_EDX_AGAIN);
	add(c, 0x80000001, HV_CPUID_ANY, r);
	for (u32 leaf = 0x80000002; leaf <= 0x80000004; leaf++)
		add(c, leaf, HV_CPUID_ANY, cpuid(leaf, 0));
	add(c, 0x80000008, HV_CPUID_ANY,
	    (struct cpuid_regs){ .eax = LINEAR_BITS << 8 | (cpuid(0x80000008, 0).eax & 0xff) });
}

/* Leaf 4000_0000: who we are, where guests look for a hypervisor. */
static void hypervisor_leaf(struct hv_machine_config *c)
{
	struct cpuid_regs r = { .eax = 0x40000000 };

	memcpy(&r.ebx, "Nest", 4);
	memcpy(&r.ecx, "ling", 4);
	memcpy(&r.edx, "\0\0\0\0", 4);
	add(c, 0x40000000, HV_CPUID_ANY, r);
}

static void add_msrs(struct hv_machine_config *c, const struct hv_msr *table, u32 count)
{
	memcpy(c->msr + c->msr_count, table, count * sizeof(*table));
	c->msr_count += count;
}

/* What kernels look at while they find out about their CPU. */
static void vendor_msrs(struct hv_machine_config *c)
{
	static const struct hv_msr amd[] = {
		{ .index = MSR_SYSCFG, .rule = HV_MSR_IGNORE },
		{ .index = MSR_HWCR, .rule = HV_MSR_IGNORE },
		{ .index = MSR_NB_CFG, .rule = HV_MSR_IGNORE },
		{ .index = MSR_DE_CFG, .rule = HV_MSR_IGNORE },
	};
	static const struct hv_msr intel[] = {
		{ .index = MSR_PLATFORM_ID, .rule = HV_MSR_READ_ONLY },
		{ .index = MSR_FEATURE_CONTROL, .rule = HV_MSR_READ_ONLY,
		  .value = FEATURE_CONTROL_LOCK },
	};

	struct hv_capability cap;

	hv_capability(&cap);
	if (!strcmp(cap.backend, "svm"))
		add_msrs(c, amd, ARRAY_SIZE(amd));
	else
		add_msrs(c, intel, ARRAY_SIZE(intel));
}

static void msrs(struct hv_machine_config *c)
{
	/* Those that exit first: the search is linear. */
	static const struct hv_msr table[] = {
		{ .index = MSR_MISC_ENABLE, .rule = HV_MSR_IGNORE, .value = 1 },
		{ .index = MSR_FS_BASE, .rule = HV_MSR_PASS },
		{ .index = MSR_GS_BASE, .rule = HV_MSR_PASS },
		{ .index = MSR_KERNEL_GS_BASE, .rule = HV_MSR_PASS },
		{ .index = MSR_STAR, .rule = HV_MSR_PASS },
		{ .index = MSR_LSTAR, .rule = HV_MSR_PASS },
		{ .index = MSR_CSTAR, .rule = HV_MSR_PASS },
		{ .index = MSR_SFMASK, .rule = HV_MSR_PASS },
		{ .index = MSR_SYSENTER_CS, .rule = HV_MSR_PASS },
		{ .index = MSR_SYSENTER_ESP, .rule = HV_MSR_PASS },
		{ .index = MSR_SYSENTER_EIP, .rule = HV_MSR_PASS },
		{ .index = MSR_TSC_AUX, .rule = HV_MSR_PASS },
		/* The local APIC is there, but firmware has turned it off. */
		{ .index = MSR_APIC_BASE, .rule = HV_MSR_IGNORE,
		  .value = 0xfee00000 | APIC_BASE_BSP },
		{ .index = MSR_BIOS_SIGN_ID, .rule = HV_MSR_IGNORE },
		{ .index = MSR_MCG_CAP, .rule = HV_MSR_READ_ONLY },
		{ .index = MSR_DEBUGCTL, .rule = HV_MSR_IGNORE },
	};

	add_msrs(c, table, ARRAY_SIZE(table));
	vendor_msrs(c);
}

void vmm_policy(struct hv_machine_config *c)
{
	basic_leaves(c);
	xsave_leaves(c);
	extended_leaves(c);
	hypervisor_leaf(c);
	msrs(c);
}
