/*
 * For exercise 2.16: which of these instructions make an exit? The VM has 2 MiB of memory, and at
 * 0x40000000 late memory: it is there once the guest touches it.
 */
	.section .text.start, "ax"
	.globl	start, leaf, late, later, time, again, private, own, mine, cache, setup, send, line
	.globl	page, done
start:
	mov	%cr0, %rax
	xor	%eax, %eax
leaf:	cpuid
	mov	$0x40000000, %ebx
late:	mov	%rax, (%rbx)
later:	mov	0x1000(%rbx), %rax
time:	rdtsc

	mov	$2, %edi
again:	mov	$0x1a0, %ecx		/* IA32_MISC_ENABLE */
private: rdmsr
	mov	$0xc0000100, %ecx	/* the base of FS */
own:	rdmsr
mine:	wrmsr
	dec	%edi
	jnz	again

cache:	wbinvd
	mov	$0x1a0, %ecx
setup:	wrmsr
	mov	$0x3f8, %edx
	mov	$'!', %eax
send:	out	%al, %dx
line:	in	%dx, %ax
page:	invlpg	(%rbx)
	cli
done:	hlt
	jmp	done
	.section .note.GNU-stack, "", @progbits
