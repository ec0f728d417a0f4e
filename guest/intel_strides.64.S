/*
 * Instructions of several lengths that exit one after the other, two of them right behind an
 * instruction that holds interrupts back. RBP gets a bit at each step. Then a touch of memory that
 * is not there ends it. Arguments: a number to start from, a value for CR8.
 */
	.section .text.start, "ax"
	.globl	start, after_cr8, after_sti, after_ss, touch
start:
	mov	%rsi, %cr8		/* 4 bytes */
after_cr8:
	lea	1(%rdi), %rbp
	sti
	wbinvd				/* 2 bytes */
after_sti:
	add	$2, %rbp
	xor	%eax, %eax
	mov	%eax, %ss
	.byte	0x48			/* a prefix without a meaning: 3 bytes */
	wbinvd
after_ss:
	add	$4, %rbp
	mov	%cr8, %rbx
	add	$8, %rbp
	.byte	0x2e, 0x2e, 0x2e, 0x2e, 0x2e	/* 7 bytes */
	wbinvd
	add	$16, %rbp
touch:
	movb	%al, 0x3fffffff
	hlt
	.section .note.GNU-stack, "", @progbits
