/* The assembly of mmio_faults.64.c: entries of exceptions, CPL 3, and the code that is watched. */

	.macro	entry name:req, vector:req, error=0
	.globl	\name
\name:
	.if	!\error
	push	$0
	.endif
	push	$\vector
	jmp	common
	.endm

	.text
	entry	on_db, 1
	entry	on_gp, 13, 1
	entry	on_pf, 14, 1
	entry	on_interrupt, 0x40
common:
	.irp	reg, rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11
	push	%\reg
	.endr
	mov	%rsp, %rdi
	cld
	call	handle
	.irp	reg, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax
	pop	%\reg
	.endr
	add	$16, %rsp
	iretq

/* do_code(code, rsi, rdi, rcx): returns what RCX is then. */
	.globl	do_code, do_code_as_user
do_code:
	mov	%rdi, %rax
	mov	%rdx, %rdi
	call	*%rax
	mov	%rcx, %rax
	ret

/* The same at CPL 3. The code ends with INT 0x41, which comes back to the stack that we leave. */
do_code_as_user:
	push	%rbx
	push	%rbp
	mov	%rsp, kernel_stack
	mov	%rdi, %rax
	mov	%rdx, %rdi
	push	$0x1b				/* SS, RSP: it needs none */
	push	$0
	push	$2
	push	$0x23
	push	%rax
	iretq
	.globl	on_user_end
on_user_end:
	mov	kernel_stack, %rsp
	mov	%rcx, %rax
	pop	%rbp
	pop	%rbx
	ret

	.macro	code name:req
	.globl	\name
\name:
	.endm

	code	code_movsb; rep movsb; ret
	code	code_movsl; movsl; ret
	code	code_movsb_user; rep movsb; int $0x41
	code	code_store; movl $0x44332211, (%rdi); ret
	code	code_add; addl $0x01010101, (%rdi); ret
	code	code_insw; mov $0x2a0, %edx; rep insw; ret
	code	code_steps				/* from POPF on with TF */
	pushf
	orl	$0x100, (%rsp)
	popf
	mov	(%rsi), %eax
	add	%eax, (%rdi)
	rep movsb
	mov	$0x2a0, %edx
	outsw
	nop
	pushf
	andl	$~0x100, (%rsp)
	popf
	ret
	code	code_sti
	sti
	mov	(%rsi), %eax
	nop
	cli
	ret
	code	code_sti_rep
	sti
	rep movsb
	nop
	cli
	ret

	.data
kernel_stack:
	.quad	0
	.section .note.GNU-stack, "", @progbits
