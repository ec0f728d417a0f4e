/*
 * From the boot loader to C. Multiboot starts us in 32-bit protected mode without paging; this
 * builds page tables good enough to get into the upper half, and x86/paging.c the real ones.
 */
#include "boot/multiboot.h"
#include "x86/asm.h"
#include "x86/desc.h"

#define KERNEL_BASE	0xffffffff80000000
#define PHYS(symbol)	((symbol) - KERNEL_BASE)

	.section .multiboot, "a"
	.balign	4
	.long	MULTIBOOT_HEADER_MAGIC
	.long	MULTIBOOT_HEADER_FLAGS
	.long	-(MULTIBOOT_HEADER_MAGIC + MULTIBOOT_HEADER_FLAGS)
	.skip	20				/* addresses: the ELF header has them */
	.long	1, 80, 25, 0			/* the screen as text, once nestling/iso.py asks */

	.text
	.code32
FUNC(boot_start)
	cli
	cld
	mov	%eax, %esi			/* the magic number */
	mov	$PHYS(bss_start), %edi		/* zero .bss: our own boot sector does not */
	mov	$PHYS(bss_end), %ecx
	sub	%edi, %ecx
	xor	%eax, %eax
	rep stosb
	mov	$PHYS(boot_stack_top), %esp
	call	boot_check_cpu

	/* 4 GiB in pages of 2 MiB, at 0 and in the direct map; the first of them at KERNEL_BASE. */
	mov	$PHYS(boot_pd), %edi
	mov	$0x83, %eax			/* present, writable, page */
1:	mov	%eax, (%edi)
	add	$8, %edi
	add	$0x200000, %eax
	jnc	1b

	mov	$PHYS(boot_pdpt), %edi
	mov	$PHYS(boot_pd) + 3, %eax
	mov	%eax, PHYS(boot_pdpt_image) + 510 * 8
	mov	$4, %ecx
2:	mov	%eax, (%edi)
	add	$8, %edi
	add	$4096, %eax
	loop	2b

	mov	$PHYS(boot_pdpt) + 3, %eax
	mov	%eax, PHYS(boot_pml4)
	mov	%eax, PHYS(boot_pml4) + 256 * 8
	movl	$PHYS(boot_pdpt_image) + 3, PHYS(boot_pml4) + 511 * 8

	mov	$PHYS(boot_pml4), %eax
	mov	%eax, %cr3
	mov	$0x620, %eax			/* CR4: PAE OSFXSR OSXMMEXCPT */
	mov	%eax, %cr4
	mov	$0xc0000080, %ecx		/* EFER: LME NXE SCE */
	rdmsr
	or	$0x901, %eax
	wrmsr
	mov	$0x80010013, %eax		/* CR0: PG WP ET MP PE; NE is VMX's */
	mov	%eax, %cr0
	lgdt	PHYS(boot_gdtr)
	ljmp	$SEL_CODE, $PHYS(3f)

	.code64
3:	mov	$4f, %rax
	jmp	*%rax				/* now in the upper half */
4:	mov	$SEL_DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	%eax, %fs
	mov	%eax, %gs
	mov	$boot_stack_top, %rsp
	xor	%ebp, %ebp			/* the end of every backtrace */
	mov	%esi, %edi			/* hv_main(magic, info) */
	mov	%ebx, %esi
	call	hv_main
	ud2
END(boot_start)

	.section .rodata
	.balign	8
boot_gdt:
	.quad	0
	.quad	0x00af9b000000ffff		/* SEL_CODE: 64-bit */
	.quad	0x00cf93000000ffff		/* SEL_DATA */
boot_gdtr:
	.word	boot_gdtr - boot_gdt - 1
	.long	PHYS(boot_gdt)

	.bss
	.balign	4096
boot_pml4:	.skip	4096
boot_pdpt:	.skip	4096
boot_pdpt_image: .skip	4096
boot_pd:	.skip	4 * 4096
	.globl	boot_stack
boot_stack:	.skip	16384
boot_stack_top:
	.section .note.GNU-stack, "", @progbits
