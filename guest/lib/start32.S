/* The first instructions of a protected-mode guest in C: main(args), then end with its result. */
	.section .text.start, "ax"
	.globl	start
start:
	push	%esi
	push	%edi
	call	main
	push	%eax
	call	guest_exit
	.section .note.GNU-stack, "", @progbits
