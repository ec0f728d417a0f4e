/* See fpu.h. */
#include "core/fpu.h"

#include "core/panic.h"
#include "lib/cpuid.h"
#include "x86/insn.h"
#include "x86/regs.h"

#define CPUID_1_ECX_XSAVE	BIT(26)
#define CPUID_XSTATE		0xd

#define MXCSR_OFFSET	24		/* in the XSAVE area (SDM vol. 1, table 10-2) */
#define MXCSR_RESET	0x1f80

static u64 all;		/* every component that this CPU has */

void fpu_init(void)
{
	struct cpuid_regs r;

	if (!(cpuid(1, 0).ecx & CPUID_1_ECX_XSAVE))
		panic("this CPU has no XSAVE");
	write_cr4(read_cr4() | CR4_OSXSAVE);
	r = cpuid(CPUID_XSTATE, 0);
	all = (u64)r.edx << 32 | r.eax;
	if (r.ecx > HV_XSAVE_SIZE)	/* leave out what does not fit, AMX tiles say */
		all &= XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512;
	xsetbv(0, all);
}

u64 fpu_components(void)
{
	return all;
}

u64 fpu_guest_xcr0(void)
{
	return all & (XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512);
}

bool fpu_xcr0_ok(u64 value)
{
	u64 avx512 = value & XCR0_AVX512;

	if (value & ~fpu_guest_xcr0() || !(value & XCR0_X87))
		return false;
	if (value & XCR0_AVX && !(value & XCR0_SSE))
		return false;
	return !avx512 || (avx512 == XCR0_AVX512 && value & XCR0_AVX);
}

void fpu_save(struct vcpu *v)
{
	v->lazy.xcr0 = xgetbv(0);	/* QEMU's TCG lets a guest's XSETBV through unseen */
	xsetbv(0, all);
	xsave(v->lazy.xsave, all);
}

void fpu_load(struct vcpu *v)
{
	xsetbv(0, all);
	xrstor(v->lazy.xsave, all);
	xsetbv(0, v->lazy.xcr0);
}

void fpu_reset(struct vcpu *v)
{
	*(u32 *)((u8 *)v->lazy.xsave + MXCSR_OFFSET) = MXCSR_RESET;
	v->lazy.xcr0 = XCR0_X87;
}
