/*
 * A multiboot kernel's header and first instructions (Multiboot 0.6.96, 3.1 and 3.2). The address
 * fields are there for tests that make a flat file of this: they set flag 16 and the checksum.
 */
	.section .text.start, "ax"
	.balign	4
	.globl	multiboot_header, start
multiboot_header:
	.long	0x1badb002
	.long	3				/* modules on pages; memory information */
	.long	-(0x1badb002 + 3)
	.long	multiboot_header, multiboot_header, data_end, bss_end, start
start:
	mov	$stack_end, %esp
	pushf
	push	%ebx
	push	%eax
	call	main
	push	%eax
	call	guest_exit

	.bss
	.balign	16
	.skip	4096
stack_end:
	.section .note.GNU-stack, "", @progbits
