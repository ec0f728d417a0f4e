/*
 * mutant: keeps-five
 * exercise: 1.6
 * track: amd
 * hint: kept
 * why: R14 and R15 are the caller's, too, and come back as the guest's.
 */
FUNC(svm_enter)
	push	%rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%rsi
	push	%rdx

	clgi
	sti
	mov	%rdx, %rax
	vmsave	%rax
	mov	%rdi, %rax
	vmload	%rax

	mov	0x78(%rsi), %r15
	mov	0x70(%rsi), %r14
	mov	0x68(%rsi), %r13
	mov	0x60(%rsi), %r12
	mov	0x58(%rsi), %r11
	mov	0x50(%rsi), %r10
	mov	0x48(%rsi), %r9
	mov	0x40(%rsi), %r8
	mov	0x38(%rsi), %rdi
	mov	0x28(%rsi), %rbp
	mov	0x18(%rsi), %rbx
	mov	0x10(%rsi), %rdx
	mov	0x08(%rsi), %rcx
	mov	0x30(%rsi), %rsi
svm_enter_vmrun:
	vmrun	%rax
	vmsave	%rax

	push	%rsi
	mov	0x10(%rsp), %rsi
	mov	%r15, 0x78(%rsi)
	mov	%r14, 0x70(%rsi)
	mov	%r13, 0x68(%rsi)
	mov	%r12, 0x60(%rsi)
	mov	%r11, 0x58(%rsi)
	mov	%r10, 0x50(%rsi)
	mov	%r9, 0x48(%rsi)
	mov	%r8, 0x40(%rsi)
	mov	%rdi, 0x38(%rsi)
	mov	%rbp, 0x28(%rsi)
	mov	%rbx, 0x18(%rsi)
	mov	%rdx, 0x10(%rsi)
	mov	%rcx, 0x08(%rsi)
	pop	%rdx
	mov	%rdx, 0x30(%rsi)

	pop	%rax
	vmload	%rax
	cli
	stgi
	pop	%rsi
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	ret
END(svm_enter)
