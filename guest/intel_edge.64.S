/*
 * Two instructions that end at 4 GiB and exit: one in 64-bit mode, where RIP goes on, and one in
 * compatibility mode, where EIP starts again at 0. Then a touch of memory that is not there ends
 * it. RBX has where 64-bit mode went on, RBP a bit for each step. Argument: a number for RBP.
 */
	.set	PAGE_2M, 0x87			/* present, writable, user, large */
	.set	CODE64, 8
	.set	CODE32, 16

	.section .text.start, "ax"
	.globl	start, touch
start:
	mov	%cr3, %rax
	mov	(%rax), %rbx
	and	$~0xfff, %rbx			/* the PDPT */
	mov	(%rbx), %rcx
	mov	%rcx, (4 * 8)(%rbx)		/* from 4 GiB on: the same as from 0 */
	mov	(3 * 8)(%rbx), %rcx
	and	$~0xfff, %rcx
	movq	$PAGE_2M, (511 * 8)(%rcx)	/* the last 2 MiB below: the same too */
	movw	$0x090f, 0x1ffffe		/* WBINVD, and what follows */
	mov	landing, %rax
	mov	%rax, 0
	mov	landing + 8, %rax
	mov	%rax, 8
	mov	$back, %ecx
	mov	$0xfffffffe, %eax
	jmp	*%rax
back:
	lea	1(%rdi), %rbp
	lgdt	gdtr
	pushq	$CODE32
	pushq	$-2
	movl	$0, 4(%rsp)			/* EIP 0xfffffffe */
	lretq
	.code32
crossing:
	wbinvd
eip0:						/* the base of CS */
	add	$2, %ebp
touch:
	movb	%al, 0x3fffffff
	hlt
	.code64

	.align	8
landing:					/* at 4 GiB */
	lea	0(%rip), %rbx
	jmp	*%rcx
	.align	16
gdt:
	.quad	0
	.quad	0x00af9b000000ffff
	.word	0xffff, eip0, 0x9b00, 0x00cf
gdtr:
	.word	. - gdt - 1
	.quad	gdt
	.section .note.GNU-stack, "", @progbits
