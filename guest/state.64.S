/*
 * void yield_with(const struct frame *before: RDI, struct frame *after: RSI, u64 intel: RDX)
 *
 * Let other VMs run with every register loaded from `before`, and store what is there afterwards.
 */
#include "hypercall.h"

	.set	FRAME_RFLAGS, 16 * 8
	.set	FRAME_MXCSR, 17 * 8
	.set	FRAME_FCW, 17 * 8 + 4
	.set	FRAME_XMM, 18 * 8

	.text
	.globl	yield_with
yield_with:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	push	%rsi				/* `after`, for later */
	lea	use_vmmcall(%rip), %rax
	lea	use_vmcall(%rip), %rcx
	test	%rdx, %rdx
	cmovnz	%rcx, %rax
	push	%rax

	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	movups	FRAME_XMM + 16 * \n(%rdi), %xmm\n
	.endr
	fldcw	FRAME_FCW(%rdi)
	ldmxcsr	FRAME_MXCSR(%rdi)
	pushq	FRAME_RFLAGS(%rdi)
	popfq
	mov	(1 * 8)(%rdi), %rcx
	mov	(2 * 8)(%rdi), %rdx
	mov	(3 * 8)(%rdi), %rbx
	mov	(5 * 8)(%rdi), %rbp
	mov	(6 * 8)(%rdi), %rsi
	.irp	n, 8, 9, 10, 11, 12, 13, 14, 15
	mov	(\n * 8)(%rdi), %r\n
	.endr
	mov	(7 * 8)(%rdi), %rdi
	mov	$HYPERCALL_YIELD, %eax		/* MOV leaves the flags alone, and so does JMP */
	jmp	*(%rsp)
use_vmcall:
	vmcall
	jmp	1f
use_vmmcall:
	vmmcall
1:	lea	8(%rsp), %rsp			/* so does LEA */
	mov	(%rsp), %rax
	mov	%rcx, (1 * 8)(%rax)
	mov	%rdx, (2 * 8)(%rax)
	mov	%rbx, (3 * 8)(%rax)
	mov	%rbp, (5 * 8)(%rax)
	mov	%rsi, (6 * 8)(%rax)
	mov	%rdi, (7 * 8)(%rax)
	.irp	n, 8, 9, 10, 11, 12, 13, 14, 15
	mov	%r\n, (\n * 8)(%rax)
	.endr
	pushfq
	popq	FRAME_RFLAGS(%rax)
	stmxcsr	FRAME_MXCSR(%rax)
	fstcw	FRAME_FCW(%rax)
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	movups	%xmm\n, FRAME_XMM + 16 * \n(%rax)
	.endr
	pop	%rsi
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret
	.section .note.GNU-stack, "", @progbits
