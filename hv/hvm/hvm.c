/* See hvm.h: which back end this machine has. */
#include "hvm/hvm.h"

#include "core/console.h"
#include "core/cpu.h"
#include "core/milestone.h"
#include "core/panic.h"
#include "hvm/remedy.h"
#include "lib/cpuid.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "x86/insn.h"
#include "x86/regs.h"

/* EBX of CPUID leaf 0: the first four letters of AuthenticAMD and HygonGenuine. */
#define VENDOR_AMD	0x68747541
#define VENDOR_HYGON	0x6f677948

#define CPUID_1_ECX_HYPERVISOR	BIT(31)
#define CPUID_HYPERVISOR	0x40000000	/* EBX, ECX, EDX: its name */

const struct hvm_ops *hvm;
struct hvm_caps hvm_caps;

/* AMD and Hygon make CPUs with SVM, everybody else who does makes them with VMX. */
static const struct hvm_ops *ops_of_vendor(void)
{
	u32 ebx = cpuid(0, 0).ebx;

	return ebx == VENDOR_AMD || ebx == VENDOR_HYGON ? &svm_ops : &vmx_ops;
}

/* ---- What firmware left --------------------------------------------------------------------- */

static const char *pretended;
static u64 pretended_value;

static u32 firmware_msr(void)
{
	return hvm == &svm_ops ? MSR_VM_CR : MSR_FEATURE_CONTROL;
}

bool hvm_pretend(const char *firmware)
{
	pretended = firmware;
	if (strcmp(firmware, "locked"))
		return !strcmp(firmware, "open");
	pretended_value = ops_of_vendor() == &svm_ops ? VM_CR_SVMDIS | VM_CR_LOCK :
							FEATURE_CONTROL_LOCK;
	return true;
}

u64 hvm_firmware_read(void)
{
	return pretended ? pretended_value : rdmsr(firmware_msr());
}

void hvm_firmware_write(u64 value)
{
	if (pretended && !(pretended_value & FEATURE_CONTROL_LOCK))
		pretended_value = value;
	else
		wrmsr(firmware_msr(), value);	/* #GP, if it is locked */
}

/* ---- Bringing it up ------------------------------------------------------------------------- */

static void see_probe(int err, const char *why)
{
	milestone_see("error", (u64)-err);
	milestone_see("reason given", why != NULL);
	milestone_see("address-space ids", hvm_caps.asids);
	milestone_see("nested paging", hvm_caps.nested_paging);
	milestone_see("next RIP", hvm_caps.next_rip);
	milestone_see("1 GiB pages", hvm_caps.page_1g);
}

/* Say what a person can do about it, and end. `err` is the probe's. */
static __noreturn void give_up(int err)
{
	struct remedy_case c = { .amd = hvm == &svm_ops, .locked = err == -EPERM };
	struct cpuid_regs r = cpuid(CPUID_HYPERVISOR, 0);
	const u32 name[] = { r.ebx, r.ecx, r.edx, 0 };
	char text[256];

	if (cpuid(1, 0).ecx & CPUID_1_ECX_HYPERVISOR)
		c.hypervisor = (const char *)name;
	remedy_text(text, sizeof(text), &c);
	printf("this machine can not run virtual machines\n%s\n", text);
	machine_end(STATUS_FAILED);
}

void hvm_init(void)
{
	static const char *const yes_no[] = { "no", "yes" };
	const char *why = NULL;
	int err;

	hvm = ops_of_vendor();
	err = hvm->probe(&hvm_caps, &why);
	if (milestone_is("probe"))
		see_probe(err, why);
	if (err) {
		printf("no %s: %s\n", hvm->name, why ?: "the probe gave no reason");
		give_up(err);
	}
	printf("%s: %u address-space ids, nested paging %s, next RIP %s, 1 GiB pages %s\n",
	       hvm->name, hvm_caps.asids, yes_no[hvm_caps.nested_paging],
	       yes_no[hvm_caps.next_rip], yes_no[hvm_caps.page_1g]);
	if (milestone_is("probe"))
		machine_end(0);
	if (!hvm_caps.nested_paging) {
		printf("this CPU's %s has no nested paging, which we need for now\n", hvm->name);
		give_up(-ENODEV);
	}
	err = hvm->cpu_on(this_cpu());
	if (err)
		panic("%s could not be turned on: error %d", hvm->name, err);
	if (milestone_is("on")) {
		hvm->see_cpu(this_cpu(), milestone_see);
		machine_end(0);
	}
}
