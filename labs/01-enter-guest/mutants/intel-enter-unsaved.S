/*
 * mutant: enter-unsaved
 * exercise: 1.6
 * track: intel
 * hint: host-registers
 * why: R12 to R15 are the guest's after an exit, and nobody gives the host's back.
 */
FUNC(vmx_enter)
	push	%rbp
	push	%rbx
	push	%rdi
	mov	$VMCS_HOST_RIP, %rdx
	lea	8f(%rip), %rcx
	vmwrite	%rcx, %rdx
	mov	$VMCS_HOST_RSP, %rdx
	vmwrite	%rsp, %rdx
	or	%sil, %sil

	mov	64(%rdi), %r8
	mov	72(%rdi), %r9
	mov	80(%rdi), %r10
	mov	88(%rdi), %r11
	mov	96(%rdi), %r12
	mov	104(%rdi), %r13
	mov	112(%rdi), %r14
	mov	120(%rdi), %r15
	mov	(%rdi), %rax
	mov	8(%rdi), %rcx
	mov	16(%rdi), %rdx
	mov	24(%rdi), %rbx
	mov	40(%rdi), %rbp
	mov	48(%rdi), %rsi
	mov	56(%rdi), %rdi
	jz	7f
	vmresume
	jmp	9f
7:	vmlaunch
	jmp	9f

8:	push	%rdi
	mov	8(%rsp), %rdi
	pop	56(%rdi)
	mov	%rax, (%rdi)
	mov	%rcx, 8(%rdi)
	mov	%rdx, 16(%rdi)
	mov	%rbx, 24(%rdi)
	mov	%rbp, 40(%rdi)
	mov	%rsi, 48(%rdi)
	mov	%r8, 64(%rdi)
	mov	%r9, 72(%rdi)
	mov	%r10, 80(%rdi)
	mov	%r11, 88(%rdi)
	mov	%r12, 96(%rdi)
	mov	%r13, 104(%rdi)
	mov	%r14, 112(%rdi)
	mov	%r15, 120(%rdi)
	xor	%eax, %eax
	jmp	6f
9:	mov	$2, %eax
	jnc	6f
	dec	%eax
6:	pop	%rdi
	pop	%rbx
	pop	%rbp
	ret
END(vmx_enter)
