/*
 * For exercise 3.11: which of these instructions make an exit? The VM has 4 MiB of lazy memory.
 * There is in it by now what its start needed: the page of this program at 0x8000, and the page
 * tables at the end, by which virtual addresses are guest physical ones. RSP is 0x3f8000.
 */
	.section .text.start, "ax"
	.globl	start, first, again, edge, store, code, there, back, copy, entry, virtual, done
start:
	lgdt	gdtr
	lidt	idtr
	mov	$0x100000, %ebx
first:	mov	0x800(%rbx), %rax
again:	movb	$0xc3, (%rbx)		/* RET */
edge:	mov	%rax, 0x1ffc(%rbx)	/* eight bytes */
store:	mov	%rax, 0x1000(%rbx)
code:	call	*%rbx
there:	push	%rax
back:	pop	%rax

	mov	$0x110ff8, %esi
	mov	$0x120ff8, %edi
	mov	$3, %ecx
copy:	rep movsq

	mov	%cr3, %rdx
entry:	movq	$0x130003, 0x2010(%rdx)	/* the page table for virtual 4 MiB to 6 MiB */
virtual: mov	0x400000, %rax
done:	hlt
	jmp	done

/* A page fault: now the page table has its first entry. */
fault:	movq	$0x140003, 0x130000
	add	$8, %rsp
	iretq

	.balign	8
gdt:	.quad	0, 0x00af9b000000ffff, 0x00cf93000000ffff
idt:	.fill	14 * 2, 8, 0
	.word	fault, 8, 0x8e00, 0, 0, 0, 0, 0
gdtr:	.word	3 * 8 - 1
	.quad	gdt
idtr:	.word	15 * 16 - 1
	.quad	idt
	.section .note.GNU-stack, "", @progbits
