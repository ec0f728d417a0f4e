/*
 * The world switch of AMD SVM.
 *
 * VMRUN itself switches RIP, RSP, RAX, RFLAGS, the control registers, CS SS DS ES, GDTR and IDTR
 * (APM vol. 2, 15.5.1). VMLOAD and VMSAVE do FS GS TR LDTR and the SYSCALL and SYSENTER registers
 * (15.5.2). The other general-purpose registers are ours to switch, here.
 */
#include "lib/lab.h"
#include "x86/asm.h"

	.text

/*
 * void svm_enter(hpa_t vmcb: RDI, u64 *gpr: RSI, hpa_t host_vmcb: RDX)
 *
 * Exercise 1.6 on the AMD track: one trip into the guest and back. `vmcb` is its VMCB, gpr[]
 * has its general-purpose registers by their numbers: RAX 0, RCX 1, RDX 2, RBX 3, RSP 4, RBP 5,
 * RSI 6, RDI 7, R8 to R15. RAX and RSP are in the VMCB; what their two slots say does not count.
 *
 * It is called with interrupts off. On the way in:
 *   - keep what a C function has to: RBX, RBP, RSP, R12 to R15 are as before in the end
 *   - CLGI, so that nothing can come between here and the guest, then STI: with V_INTR_MASKING the
 *     host's IF decides whether a physical interrupt ends the guest's run (15.17, 15.21.1)
 *   - VMSAVE to `host_vmcb`, VMLOAD from `vmcb` (15.5.2); both take the address in RAX
 *   - load the guest's registers from gpr[]; VMRUN takes the VMCB's address in RAX
 * After VMRUN, RAX and RSP are the host's again, all others the guest's. On the way out:
 *   - VMSAVE to `vmcb`, save the guest's registers to gpr[], VMLOAD from `host_vmcb`
 *   - CLI, then STGI: an NMI that waits is taken here, an interrupt goes on waiting
 *
 * svm_enter_vmrun, a global label at the VMRUN, is for the debugger.
 */
FUNC(svm_enter)
	push	%rbp
	mov	%rsp, %rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	push	%rdx			/* host_vmcb, popped after the guest */
	push	%rsi			/* gpr */

	clgi
	sti
	mov	%rdx, %rax
	vmsave	%rax
	mov	%rdi, %rax
	vmload	%rax

	mov	(1 * 8)(%rsi), %rcx
	mov	(2 * 8)(%rsi), %rdx
	mov	(3 * 8)(%rsi), %rbx
	mov	(5 * 8)(%rsi), %rbp
	mov	(7 * 8)(%rsi), %rdi
	mov	(8 * 8)(%rsi), %r8
	mov	(9 * 8)(%rsi), %r9
	mov	(10 * 8)(%rsi), %r10
	mov	(11 * 8)(%rsi), %r11
	mov	(12 * 8)(%rsi), %r12
	mov	(13 * 8)(%rsi), %r13
	mov	(14 * 8)(%rsi), %r14
	mov	(15 * 8)(%rsi), %r15
	mov	(6 * 8)(%rsi), %rsi

	.globl	svm_enter_vmrun
svm_enter_vmrun:			/* for the debugger */
	vmrun	%rax			/* RAX is the VMCB again afterwards: host state */
	vmsave	%rax

	xchg	%rsi, (%rsp)		/* RSI = gpr; the guest's RSI waits on the stack */
	mov	%rcx, (1 * 8)(%rsi)
	mov	%rdx, (2 * 8)(%rsi)
	mov	%rbx, (3 * 8)(%rsi)
	mov	%rbp, (5 * 8)(%rsi)
	mov	%rdi, (7 * 8)(%rsi)
	mov	%r8, (8 * 8)(%rsi)
	mov	%r9, (9 * 8)(%rsi)
	mov	%r10, (10 * 8)(%rsi)
	mov	%r11, (11 * 8)(%rsi)
	mov	%r12, (12 * 8)(%rsi)
	mov	%r13, (13 * 8)(%rsi)
	mov	%r14, (14 * 8)(%rsi)
	mov	%r15, (15 * 8)(%rsi)
	pop	(6 * 8)(%rsi)

	pop	%rax			/* host_vmcb */
	vmload	%rax			/* GS is ours again: this_cpu() works */
	cli
	stgi				/* a pending NMI is taken here */
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	ret
END(svm_enter)
	.section .note.GNU-stack, "", @progbits
