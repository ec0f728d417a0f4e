/**
 * @file fpu.h
 * The floating-point and vector state of guests. The hypervisor itself never uses these registers
 * (it is compiled with -mgeneral-regs-only), so they stay the guest's until another takes the CPU.
 */
#ifndef CORE_FPU_H
#define CORE_FPU_H

#include "core/vm.h"

/** Turn XSAVE on for this CPU. Panics when the CPU has no XSAVE. */
void fpu_init(void);
/** Save `v`'s FPU state and XCR0 from this CPU. */
void fpu_save(struct vcpu *v);
/** Load them into this CPU. */
void fpu_load(struct vcpu *v);
/** The state after reset: an area that fpu_load() and guests accept. */
void fpu_reset(struct vcpu *v);
/** May a guest put `value` into XCR0 (SDM vol. 2, XSETBV)? */
bool fpu_xcr0_ok(u64 value);
/** The XCR0 bits that a guest may set. */
u64 fpu_guest_xcr0(void);
/**
 * The components that XRSTOR takes. An area that was saved may have more of them than a guest can
 * use: on QEMU those in their initial state are noted (XSTATE_BV, SDM vol. 1, 13.4.2), too.
 */
u64 fpu_components(void);

#endif
