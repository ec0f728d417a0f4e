/* Thread switch: the registers that a C function must preserve, and the stack. */
#include "x86/asm.h"

	.text

/* void thread_switch(u64 *save_rsp: RDI, u64 rsp: RSI) */
FUNC(thread_switch)
	push	%rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, (%rdi)
	mov	%rsi, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	ret
END(thread_switch)

FUNC(thread_begin)
	xor	%ebp, %ebp		/* the end of a backtrace */
	call	thread_main
	ud2
END(thread_begin)
	.section .note.GNU-stack, "", @progbits
