/*
 * A multiboot kernel of 64 bits: started in protected mode without paging, it climbs into long
 * mode by itself (SDM vol. 3, 9.8.5; APM vol. 2, 14.6). Multiboot knows no ELF64 files, so the
 * header has address fields.
 */
#define FLAGS		0x10003			/* address fields, memory information, pages */
#define CR4_PAE		(1 << 5)
#define CR0_PG		(1 << 31)
#define MSR_EFER	0xc0000080
#define EFER_LME	(1 << 8)

	.section .text.start, "ax"
	.balign	4
	.globl	start
header:
	.long	0x1badb002, FLAGS, -(0x1badb002 + FLAGS)
	.long	header, header, data_end, bss_end, start
	.code32
start:
	mov	%eax, %edi			/* main(magic, info) */
	mov	%ebx, %esi
	mov	$pdpt + 3, %eax			/* the first GiB, in one page directory */
	mov	%eax, pml4
	mov	$pd + 3, %eax
	mov	%eax, pdpt
	mov	$0x83, %eax
	mov	$pd, %ecx
1:	mov	%eax, (%ecx)
	add	$8, %ecx
	add	$0x200000, %eax
	cmp	$0x40000083, %eax
	jne	1b

	mov	%cr4, %eax
	or	$CR4_PAE, %eax
	mov	%eax, %cr4
	mov	$pml4, %eax
	mov	%eax, %cr3
	mov	$MSR_EFER, %ecx
	rdmsr
	or	$EFER_LME, %eax
	wrmsr
	mov	%cr0, %eax
	or	$CR0_PG, %eax
	mov	%eax, %cr0			/* now in compatibility mode */
	lgdt	gdtr
	ljmp	$8, $2f

	.code64
2:	mov	$16, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	$stack_end, %esp
	call	main
	mov	%eax, %edi
	call	guest_exit

	.section .rodata
	.balign	8
gdt:	.quad	0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdtr:	.word	gdtr - gdt - 1
	.long	gdt

	.bss
	.balign	4096
pml4:	.skip	4096
pdpt:	.skip	4096
pd:	.skip	4096
	.skip	4096
stack_end:
	.section .note.GNU-stack, "", @progbits
