/*
 * Reads and writes ports: some where nobody is, some of the interrupt controllers (0x20 and 0xa0,
 * two ports each, and the edge/level registers 0x4d0 and 0x4d1). Keeps what it saw in registers;
 * then ends its VM with status 7. Arguments: two 32-bit numbers.
 */
	.macro	see reg, port, into
	mov	%r15, %rax		/* as it was before */
	mov	$\port, %edx
	in	%dx, \reg
	mov	%rax, \into
	.endm

	.section .text.start, "ax"
	.globl	start, done
start:
	mov	%rdi, %r15
	shl	$32, %r15
	or	%rsi, %r15
	see	%al, 0x80, %r8		/* nobody */
	see	%ax, 0x80, %r9
	see	%eax, 0x80, %r10
	see	%al, 0xf3, %r11		/* nor on both sides of the port that ends the VM */
	see	%al, 0xf5, %r12

	mov	%edi, %eax		/* the master's mask; the slave has another */
	out	%al, $0x21
	mov	%edi, %eax
	not	%eax
	out	%al, $0xa1
	see	%al, 0x21, %r13
	see	%al, 0xa1, %r14
	mov	%r15, %rax		/* OUT leaves all of RAX as it is */
	mov	$0x4d0, %edx
	out	%ax, %dx
	mov	%rax, %rbp
	see	%eax, 0x4d0, %rbx	/* two registers, and two bytes behind them */

	see	%ax, 0x21, %rcx
	mov	%rcx, %rax
	mov	$0x40000000, %edx	/* late memory, which appears by an exit */
	mov	%rdi, (%rdx)
	mov	%rax, %rcx		/* has to be the same still */
	mov	(%rdx), %rdi
	mov	$0x12345607, %eax	/* only AL counts */
done:
	out	%al, $0xf4
	jmp	done
	.section .note.GNU-stack, "", @progbits
