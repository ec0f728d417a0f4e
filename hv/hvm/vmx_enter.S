/*
 * The world switch of Intel VMX.
 *
 * A VM entry switches RIP, RSP, RFLAGS, the control registers but CR2 and CR8, DR7, the segment and
 * table registers, and the MSRs that have fields in the VMCS; a VM exit switches them back (SDM
 * vol. 3, 26.3.2, 27.5). The other general-purpose registers are ours to switch, here.
 */
#include "hvm/vmx.h"
#include "lib/lab.h"
#include "x86/asm.h"

	.text

/*
 * enum vmx_status vmx_enter(u64 *gpr: RDI, bool launched: SIL)
 *
 * Exercise 1.6 on the Intel track: load the guest's registers from gpr[] (RAX RCX RDX RBX, RSP, RBP
 * RSI RDI, R8 to R15; RSP is in the VMCS, gpr[4] stays as it is), VMLAUNCH, or VMRESUME if
 * `launched`, and store them again.
 *
 * A VM exit does not return: it loads RSP and RIP from HOST_RSP and HOST_RIP, so write these two
 * first (`vmwrite value, field`; the fields are VMCS_HOST_RSP and VMCS_HOST_RIP). Then all
 * registers but RSP are the guest's, and not one of them may be lost; only the stack can tell where
 * gpr[] is.
 *
 * If the entry fails at once, the next instruction runs (30.2): CF = 1 for VMfailInvalid, ZF = 1
 * for VMfailValid. gpr[] must not change then.
 *
 * Returns VMX_SUCCEED (0) after an exit, VMX_FAIL_INVALID (1) or VMX_FAIL_VALID (2). As every
 * function it keeps RBX, RBP, RSP and R12 to R15. Interrupts are off.
 */
FUNC(vmx_enter)
	push	%rbp
	mov	%rsp, %rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	push	%rdi			/* gpr: the exit finds it on the stack */

	mov	$VMCS_HOST_RSP, %eax	/* where the exit is to come back to */
	vmwrite	%rsp, %rax
	lea	4f(%rip), %rdx
	mov	$VMCS_HOST_RIP, %eax
	vmwrite	%rdx, %rax
	test	%sil, %sil		/* ZF lasts until the jump: MOV changes no flags */

	mov	(0 * 8)(%rdi), %rax
	mov	(1 * 8)(%rdi), %rcx
	mov	(2 * 8)(%rdi), %rdx
	mov	(3 * 8)(%rdi), %rbx
	mov	(5 * 8)(%rdi), %rbp
	mov	(6 * 8)(%rdi), %rsi
	mov	(8 * 8)(%rdi), %r8
	mov	(9 * 8)(%rdi), %r9
	mov	(10 * 8)(%rdi), %r10
	mov	(11 * 8)(%rdi), %r11
	mov	(12 * 8)(%rdi), %r12
	mov	(13 * 8)(%rdi), %r13
	mov	(14 * 8)(%rdi), %r14
	mov	(15 * 8)(%rdi), %r15
	mov	(7 * 8)(%rdi), %rdi
	jnz	1f
	vmlaunch
	jmp	2f
1:	vmresume

	/* Only a failure gets here: CF for VMfailInvalid (1), ZF for VMfailValid (2). */
2:	mov	$1, %eax
	jc	3f
	mov	$2, %eax
3:	pop	%rdi
	jmp	5f

	/* A VM exit gets here: RSP is ours, the other registers are the guest's. */
4:	xchg	%rdi, (%rsp)		/* RDI = gpr; the guest's RDI waits on the stack */
	mov	%rax, (0 * 8)(%rdi)
	mov	%rcx, (1 * 8)(%rdi)
	mov	%rdx, (2 * 8)(%rdi)
	mov	%rbx, (3 * 8)(%rdi)
	mov	%rbp, (5 * 8)(%rdi)
	mov	%rsi, (6 * 8)(%rdi)
	mov	%r8, (8 * 8)(%rdi)
	mov	%r9, (9 * 8)(%rdi)
	mov	%r10, (10 * 8)(%rdi)
	mov	%r11, (11 * 8)(%rdi)
	mov	%r12, (12 * 8)(%rdi)
	mov	%r13, (13 * 8)(%rdi)
	mov	%r14, (14 * 8)(%rdi)
	mov	%r15, (15 * 8)(%rdi)
	pop	(7 * 8)(%rdi)
	xor	%eax, %eax		/* VMX_SUCCEED */
5:	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	ret
END(vmx_enter)
	.section .note.GNU-stack, "", @progbits
