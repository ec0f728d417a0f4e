/*
 * Intel VMX: why was an entry refused? The CPU answers with one number. This evaluates every rule
 * of vmx.def and names those that are broken.
 */
#include "core/panic.h"
#include "hvm/vmx.h"
#include "lib/cpuid.h"
#include "lib/printf.h"
#include "x86/insn.h"
#include "x86/regs.h"

/* ---- The hardware's own word ---------------------------------------------------------------- */

static const char *error_sentence(u64 error)
{
	switch (error) {
#define VMX_ERROR(number, sentence) case number: return sentence;
#include "hvm/vmx.def"
	case 0: return "VMfailInvalid: there is no current VMCS";
	default: return "unknown";
	}
}

/* Failures after the guest state was looked at look like an exit (26.8). */
static void say_exit_reason(u32 reason, u64 qualification, hvm_rule_fn say, void *ctx)
{
	static const char *const state[] = {
		[2] = ": loading the page-directory-pointer-table entries",
		[3] = ": injecting an NMI while MOV SS blocks events",
		[4] = ": the VMCS link pointer",
	};
	char sentence[128];
	const char *more = "";

	switch (reason) {
	case VMX_EXIT_INVALID_GUEST_STATE:
		if (qualification < ARRAY_SIZE(state) && state[qualification])
			more = state[qualification];
		snprintf(sentence, sizeof(sentence),
			 "exit reason 33: VM-entry failure due to invalid guest state%s", more);
		break;
	case VMX_EXIT_MSR_LOADING:
		snprintf(sentence, sizeof(sentence),
			 "exit reason 34: VM-entry failure due to loading MSR %lu of the list",
			 qualification);
		break;
	default:
		snprintf(sentence, sizeof(sentence), "exit reason %u: VM-entry failure", reason);
	}
	say(ctx, sentence, "SDM vol. 3, 26.8");
}

static void say_error(u64 error, hvm_rule_fn say, void *ctx)
{
	char sentence[128];

	snprintf(sentence, sizeof(sentence), "VM-instruction error %lu: %s", error,
		 error_sentence(error));
	say(ctx, sentence, "SDM vol. 3, 30.4");
}

/* ---- The words of the rules ----------------------------------------------------------------- */

static u64 field(u32 encoding)
{
	u64 value;

	vmread_safe(encoding, &value);	/* a field that this CPU lacks is 0, and its rules hold */
	return value;
}

static bool secondary(u32 bit)
{
	return field(PROC_BASED_VM_EXEC_CONTROL) & PROC_SECONDARY_CONTROLS &&
	       field(SECONDARY_VM_EXEC_CONTROL) & BIT(bit);
}

static u64 not_allowed(u64 controls, u32 msr)
{
	u64 cap;

	if (msr != MSR_IA32_VMX_PROCBASED_CTLS2 &&
	    rdmsr(MSR_IA32_VMX_BASIC) & VMX_BASIC_TRUE_CONTROLS)
		msr += MSR_IA32_VMX_TRUE_PINBASED_CTLS - MSR_IA32_VMX_PINBASED_CTLS;
	cap = rdmsr(msr);
	return ((u32)cap & ~controls) | (controls & ~(cap >> 32));
}

static u64 misc(u32 high, u32 low)
{
	return rdmsr(MSR_IA32_VMX_MISC) >> low & (BIT(high - low + 1) - 1);
}

static u64 bad_phys(u64 address)
{
	return address >> (cpuid(0x80000008, 0).eax & 0xff);
}

static bool bad_linear(u64 address)
{
	return (u64)((s64)(address << 16) >> 16) != address;
}

static bool bad_pat(u64 pat)
{
	for (; pat; pat >>= 8) {
		if ((pat & 0xff) > 7 || (pat & 0xff) == 2 || (pat & 0xff) == 3)
			return true;
	}
	return false;
}

static bool has_error(u64 vector)
{
	return vector < 32 && BIT(vector) & (BIT(8) | 0x1f << 10 | BIT(17));
}

static bool bad_limit(u64 limit, u64 attr)
{
	return attr & SEG_G ? (limit & 0xfff) != 0xfff : limit >> 20;
}

#define F(name)			field(name)
#define PIN(n)			(F(PIN_BASED_VM_EXEC_CONTROL) >> (n) & 1)
#define PROC(n)			(F(PROC_BASED_VM_EXEC_CONTROL) >> (n) & 1)
#define PROC2(n)		secondary(n)
#define EXIT(n)			(F(VM_EXIT_CONTROLS) >> (n) & 1)
#define ENTRY(n)		(F(VM_ENTRY_CONTROLS) >> (n) & 1)
#define NOT_ALLOWED(name, msr)	not_allowed(F(name), MSR_##msr)
#define NOT_FIXED(value, cr) \
	((rdmsr(MSR_IA32_VMX_##cr##_FIXED0) & ~(value)) | \
	 ((value) & ~rdmsr(MSR_IA32_VMX_##cr##_FIXED1)))
#define MISC(hi, lo)		misc(hi, lo)
#define BAD_PHYS(x)		bad_phys(x)
#define BAD_PAGE(x)		(((x) & 0xfff) || bad_phys(x))
#define BAD_LINEAR(x)		bad_linear(x)
#define BAD_PAT(x)		bad_pat(x)
#define AR(s)			F(GUEST_##s##_ACCESS_RIGHTS)
#define TYPE(s)			(AR(s) & 15)
#define S(s)			(AR(s) >> 4 & 1)
#define DPL(s)			(AR(s) >> 5 & 3)
#define P(s)			(AR(s) >> 7 & 1)
#define L(s)			(AR(s) >> 13 & 1)
#define DB(s)			(AR(s) >> 14 & 1)
#define G(s)			(AR(s) >> 15 & 1)
#define UNUSABLE(s)		(AR(s) >> 16 & 1)
#define AR_RESERVED(s)		(AR(s) & 0xfffe0f00)
#define SELECTOR(s)		F(GUEST_##s##_SELECTOR)
#define RPL(s)			(SELECTOR(s) & 3)
#define TI(s)			(SELECTOR(s) >> 2 & 1)
#define BASE(s)			F(GUEST_##s##_BASE)
#define LIMIT(s)		F(GUEST_##s##_LIMIT)
#define BAD_LIMIT(s)		bad_limit(LIMIT(s), AR(s))
#define PE()			(F(GUEST_CR0) & 1)
#define PG()			(F(GUEST_CR0) >> 31 & 1)
#define PAE()			(F(GUEST_CR4) >> 5 & 1)
#define IA32E()			ENTRY(9)
#define V86()			(F(GUEST_RFLAGS) >> 17 & 1)
#define BITS64()		(IA32E() && L(CS))
#define INJECT()		(F(VM_ENTRY_INTERRUPTION_INFO) >> 31 & 1)
#define INJECT_TYPE()		(F(VM_ENTRY_INTERRUPTION_INFO) >> 8 & 7)
#define INJECT_VECTOR()		(F(VM_ENTRY_INTERRUPTION_INFO) & 0xff)
#define INJECT_ERROR()		(F(VM_ENTRY_INTERRUPTION_INFO) >> 11 & 1)
#define HAS_ERROR(vector)	has_error(vector)

static void say_broken_rules(hvm_rule_fn say, void *ctx)
{
#define VMX_CHECK(name, violated_if, sentence, section) \
	if (violated_if) \
		say(ctx, sentence, section);
#include "hvm/vmx.def"
}

/*
 * Which of the two failures was it? After a late one bit 31 of the exit reason is set. An early one
 * leaves the reason of the exit before, which has bit 31 clear, or of no exit at all: zero.
 */
void vmx_explain(struct vcpu *v, hvm_rule_fn say, void *ctx)
{
	u64 reason;

	vmx_vmcs_borrow(v);
	reason = vmread(VM_EXIT_REASON);
	if (reason & EXIT_REASON_ENTRY_FAILURE)
		say_exit_reason(reason & EXIT_REASON_BASIC, vmread(EXIT_QUALIFICATION), say, ctx);
	else
		say_error(vmread(VM_INSTRUCTION_ERROR), say, ctx);
	say_broken_rules(say, ctx);
	vmx_vmcs_return(v);
}
