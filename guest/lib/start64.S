/* The first instructions of a long-mode guest in C: main(args), then end with what it returns. */
	.section .text.start, "ax"
	.weak	start			/* a guest may have its own */
start:
	call	main
	mov	%eax, %edi
	call	guest_exit
	.section .note.GNU-stack, "", @progbits
