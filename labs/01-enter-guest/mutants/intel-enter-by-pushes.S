/*
 * mutant: enter-by-pushes
 * exercise: 1.6
 * track: intel
 * hint: guest-registers
 * why: RAX is used to find gpr[] after the exit, before the guest's is saved.
 */
FUNC(vmx_enter)
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	push	%rdi
	mov	$VMCS_HOST_RSP, %eax
	vmwrite	%rsp, %rax
	mov	$VMCS_HOST_RIP, %eax
	lea	2f(%rip), %rcx
	vmwrite	%rcx, %rax
	cmp	$0, %sil

	mov	%rdi, %rax
	mov	8(%rax), %rcx
	mov	16(%rax), %rdx
	mov	24(%rax), %rbx
	mov	40(%rax), %rbp
	mov	48(%rax), %rsi
	mov	56(%rax), %rdi
	mov	64(%rax), %r8
	mov	72(%rax), %r9
	mov	80(%rax), %r10
	mov	88(%rax), %r11
	mov	96(%rax), %r12
	mov	104(%rax), %r13
	mov	112(%rax), %r14
	mov	120(%rax), %r15
	mov	(%rax), %rax
	je	1f
	vmresume
	jmp	3f
1:	vmlaunch
	jmp	3f

2:	mov	(%rsp), %rax
	mov	%rax, (%rax)
	mov	%rcx, 8(%rax)
	mov	%rdx, 16(%rax)
	mov	%rbx, 24(%rax)
	mov	%rbp, 40(%rax)
	mov	%rsi, 48(%rax)
	mov	%rdi, 56(%rax)
	mov	%r8, 64(%rax)
	mov	%r9, 72(%rax)
	mov	%r10, 80(%rax)
	mov	%r11, 88(%rax)
	mov	%r12, 96(%rax)
	mov	%r13, 104(%rax)
	mov	%r14, 112(%rax)
	mov	%r15, 120(%rax)
	mov	$0, %eax
	jmp	5f
3:	mov	$1, %eax
	jc	5f
	inc	%eax
5:	add	$8, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret
END(vmx_enter)
