/*
 * Works for a little while, and makes one hypercall, with a pattern in the registers that don't
 * matter; then it writes to a port. Arguments: the call's argument, and 4 times its number; plus 1
 * for VMCALL instead of VMMCALL, plus 2 for a call from privilege level 3.
 */
	.section .text.start, "ax"
	.globl	start, at_call, at_out
start:
	mov	%rsi, %rbx
	mov	%rsi, %rax
	shr	$2, %rax
	mov	$0x5151, %rcx
	mov	$0x5252, %rdx
	mov	$0x5656, %rsi
	test	$2, %bl
	jz	call
	lgdt	table
	push	$0x1b			/* SS, RSP, RFLAGS with IOPL 3, CS, RIP */
	push	$0x7000
	push	$0x3002
	push	$0x23
	push	$call
	iretq
call:
	mov	$2000, %ebp		/* a while without an exit */
1:	dec	%ebp
	jnz	1b
	test	$1, %bl
	jnz	intel
at_call:
	vmmcall
	jmp	at_out
intel:
	vmcall
at_out:
	out	%al, $0x80
	jmp	at_out

	.balign	8
gdt:	.quad	0, 0x00af9b000000ffff, 0x00cf93000000ffff	/* 8: code, 16: data */
	.quad	0x00cff3000000ffff, 0x00affb000000ffff		/* 24: data, 32: code; DPL 3 */
table:	.short	39
	.quad	gdt
	.section .note.GNU-stack, "", @progbits
