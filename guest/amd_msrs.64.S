/*
 * Reads and writes MSRs: those that the guest may have itself exit only once, at "first", the
 * others each time. Arguments: values for two of them. Ends where there is no memory.
 */
	.set	EFER, 0xc0000080
	.set	STAR, 0xc0000081
	.set	LSTAR, 0xc0000082
	.set	KERNEL_GS_BASE, 0xc0000102
	.set	SYSENTER_ESP, 0x175
	.set	MISC_ENABLE, 0x1a0

	.section .text.start, "ax"
	.globl	start, star_first, efer_read, lstar_first, kernel_gs_first, sysenter_first
	.globl	misc_enable, misc_enable_again, efer_write, last
start:
	mov	$STAR, %ecx
	mov	%edi, %eax
	mov	%esi, %edx
star_first:
	wrmsr
	xor	%eax, %eax
	xor	%edx, %edx
	rdmsr
	mov	%rax, %rbx
	mov	%rdx, %rbp

	mov	$EFER, %ecx			/* its neighbours in the map's byte: EFER ... */
efer_read:
	rdmsr
	mov	%rax, %r8

	mov	$LSTAR, %ecx			/* ... and LSTAR */
lstar_first:
	rdmsr
	mov	%esi, %eax
	xor	%edx, %edx
	wrmsr
	xor	%eax, %eax
	rdmsr
	mov	%rax, %r9

	mov	$KERNEL_GS_BASE, %ecx
	mov	%edi, %eax
	xor	%edx, %edx
kernel_gs_first:
	wrmsr
	swapgs
	rdmsr
	swapgs
	mov	%rax, %r10			/* GS base, from before */
	rdmsr
	mov	%rax, %r11

	mov	$SYSENTER_ESP, %ecx
	mov	%esi, %eax
	xor	%edx, %edx
sysenter_first:
	wrmsr
	xor	%eax, %eax
	rdmsr
	mov	%rax, %r12

	mov	$MISC_ENABLE, %ecx
misc_enable:
	rdmsr
	mov	%rax, %r13
misc_enable_again:
	wrmsr
	mov	$EFER, %ecx
	mov	%r8, %rax
	xor	%edx, %edx
efer_write:
	wrmsr
last:
	mov	%al, 0x3ffff000
	.section .note.GNU-stack, "", @progbits
