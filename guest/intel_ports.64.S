/*
 * One instruction for a port, of each kind. Arguments: which, and the port; those with the port in
 * the instruction have their own. RAX is 0x1122334455667788.
 */
	.section .text.start, "ax"
	.globl	start
start:
	movabs	$0x1122334455667788, %rax
	mov	%esi, %edx
	mov	$0x7000, %esi			/* memory, for the strings */
	mov	%esi, %ebx
	xchg	%rdi, %rbx
	mov	$3, %ecx
	jmp	*table(, %rbx, 8)

	.macro	port name, insn:vararg
	.globl	at_\name
at_\name:
	\insn
	hlt
	.pushsection .data
	.quad	at_\name
	.popsection
	.endm

	.data
table:
	.text
	port	out_byte, out %al, %dx		/* 0 */
	port	out_word, out %ax, %dx
	port	out_long, out %eax, %dx
	port	out_fixed, out %al, $0x92
	port	in_byte, in %dx, %al		/* 4 */
	port	in_word, in %dx, %ax
	port	in_long, in %dx, %eax
	port	in_fixed, in $0x71, %eax
	port	outs, outsw			/* 8 */
	port	rep_outs, rep outsb
	port	ins, insl
	port	rep_ins, rep insw
	.section .note.GNU-stack, "", @progbits
