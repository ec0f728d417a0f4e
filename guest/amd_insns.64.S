/*
 * Does one thing that makes an exit. Each has 16 bytes of its own, from 0x8100 on. Arguments: its
 * number, and a value, which RAX and RDX have then.
 */
	.macro	slot name
	.balign	16, 0x90
	.globl	\name
\name:
	.endm

	.section .text.start, "ax"
	.globl	start
start:
	mov	%rsi, %rax
	mov	%rsi, %rdx
	mov	$0xc0000080, %ecx	/* EFER */
	mov	$0x8000, %esi
	shl	$4, %edi
	add	$slots, %edi
	jmp	*%rdi
	.org	0x100, 0x90
slots:
	slot	hlt
	hlt
	slot	cpuid
	cpuid
	slot	rdmsr
	rdmsr
	slot	wrmsr
	wrmsr
	slot	vmmcall
	vmmcall
	slot	wbinvd_shadowed
	sti
	wbinvd
	slot	wbinvd_prefixed
	.byte	0x2e, 0x2e		/* CS: */
	wbinvd
	slot	mov_to_cr8
	mov	%r9, %cr8
	slot	in_byte
	in	%dx, %al
	slot	in_word
	in	%dx, %ax
	slot	in_long
	in	%dx, %eax
	slot	in_immediate
	in	$0xa5, %al
	slot	out_byte
	out	%al, %dx
	slot	out_word
	out	%ax, %dx
	slot	out_long
	out	%eax, %dx
	slot	out_immediate
	out	%ax, $0x5a
	slot	in_string
	insb
	slot	out_string
	outsl
	slot	rep_in_string
	rep insw
	slot	rep_out_string
	rep outsb
	hlt
	.section .note.GNU-stack, "", @progbits
