/*
 * Fills every general-purpose register but RSP, then looks again and again whether each still has
 * its value. It never exits by itself, unless one was lost: then it halts.
 */
	.section .text.start, "ax"
	.globl	start, lost
start:
	.set	number, 0
	.irp	reg, rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
	.if	number != 4 && number != 7
	lea	number(%rdi), %\reg
	.endif
	mov	%\reg, kept + 8 * number
	.set	number, number + 1
	.endr
again:
	.set	number, 0
	.irp	reg, rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
	cmp	%\reg, kept + 8 * number
	jne	lost
	.set	number, number + 1
	.endr
	jmp	again
lost:
	hlt
	jmp	lost

	.bss
kept:
	.skip	16 * 8
	.section .note.GNU-stack, "", @progbits
