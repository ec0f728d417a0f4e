/*
 * Fills every general-purpose register but RSP: RDI plus the register's number, plus what was in
 * it. Then it halts, again and again.
 */
	.section .text.start, "ax"
	.globl	start, done
start:
	lea	0(%rax, %rdi), %rax
	lea	1(%rcx, %rdi), %rcx
	lea	2(%rdx, %rdi), %rdx
	lea	3(%rbx, %rdi), %rbx
	lea	5(%rbp, %rdi), %rbp
	lea	6(%rsi, %rdi), %rsi
	lea	8(%r8, %rdi), %r8
	lea	9(%r9, %rdi), %r9
	lea	10(%r10, %rdi), %r10
	lea	11(%r11, %rdi), %r11
	lea	12(%r12, %rdi), %r12
	lea	13(%r13, %rdi), %r13
	lea	14(%r14, %rdi), %r14
	lea	15(%r15, %rdi), %r15
done:
	hlt
	jmp	done
	.section .note.GNU-stack, "", @progbits
