/*
 * Four steps, each with an exit on its way, and a sum of RDI and RSI in RBX to show that every
 * instruction in between was done, and none twice. Ends where there is no memory.
 */
	.macro	mix
	rol	$7, %rbx
	add	%rsi, %rbx
	xor	%rdi, %rbx
	.endm

	.section .text.start, "ax"
	.globl	start, first, second, third, fourth, last
start:
	mov	%rdi, %rbx
	mov	$0x3ffff0ff, %eax	/* zeros, taken for code, use it as an address */
first:
	wbinvd
	mix
second:
	invd
	mix
	mov	$9, %r9d
	xor	%ecx, %ecx
third:
	mov	%r9, %cr8		/* its last two bytes are AND %cl, %al */
	mix
fourth:
	wbinvd
	mix
	mov	%cr8, %rcx
last:
	mov	%al, 0x3ffff000
	.section .note.GNU-stack, "", @progbits
