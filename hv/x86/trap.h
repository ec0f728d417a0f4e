/* The host's own exceptions and interrupts. */
#ifndef X86_TRAP_H
#define X86_TRAP_H

#include "lib/types.h"

/** What trap.S pushed, and below it what the CPU did (SDM vol. 3, figure 6-9). */
struct trap_frame {
	u64 r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
	u64 vector, error;
	u64 rip, cs, rflags, rsp, ss;
};

/** Every trap ends here: interrupts return, an exception of ours is a bug and panics. */
void trap(struct trap_frame *f);

#endif
