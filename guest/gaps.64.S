/*
 * Spins, and counts in RBX how often it has been interrupted: when the TSC has gone on by more
 * than the loop takes. Interrupts are off, and it never exits by itself.
 */
	.section .text.start, "ax"
	.globl	start, again
start:
	xor	%ebx, %ebx
	rdtsc
	shl	$32, %rdx
	or	%rax, %rdx
	mov	%rdx, %r8		/* the TSC when we last looked */
again:
	rdtsc
	shl	$32, %rdx
	or	%rax, %rdx
	mov	%rdx, %rcx
	sub	%r8, %rcx
	mov	%rdx, %r8
	cmp	$100, %rcx
	jb	again
	inc	%ebx
	jmp	again
	.section .note.GNU-stack, "", @progbits
