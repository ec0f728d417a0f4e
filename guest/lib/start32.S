/* The first instructions of a protected-mode guest in C: main(args), then end with its result. */
	.section .text.start, "ax"
	.weak	start			/* a guest may have its own */
start:
	push	%esi
	push	%edi
	call	main
	push	%eax
	call	guest_exit
	.section .note.GNU-stack, "", @progbits
