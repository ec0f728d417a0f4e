/*
 * The 32-bit part of a kernel in Linux's format; tests put the setup header before it, and it runs
 * wherever it is loaded. It tells some of its boot parameters (Linux, boot.rst and zero-page.rst).
 */
#define COM1		0x3f8
#define EXIT_PORT	0xf4

#define SCREEN_MODE	0x006
#define E820_ENTRIES	0x1e8
#define RAMDISK_IMAGE	0x218
#define RAMDISK_SIZE	0x21c
#define CMD_LINE_PTR	0x228

	.macro	say text:vararg
	.irp	c, \text
	mov	$\c, %al
	out	%al, %dx
	.endr
	.endm

	.section .text.start, "ax"
	.globl	start
start:
	or	%edi, %ebx			/* they must be 0, as must EBP */
	or	%ebx, %ebp
	mov	$0x7000, %esp
	mov	$0x18, %eax			/* the descriptors must be there */
	mov	%eax, %ds
	mov	%eax, %ss
	mov	$COM1, %edx
	call	1f
1:	pop	%eax
	add	$2f - 1b, %eax
	push	$0x10
	push	%eax
	lret

2:	say	'c', '='
	mov	CMD_LINE_PTR(%esi), %ebx
3:	mov	(%ebx), %al
	inc	%ebx
	test	%al, %al
	jz	4f
	out	%al, %dx
	jmp	3b
4:	say	'\n', 'r', '='
	mov	RAMDISK_IMAGE(%esi), %ebx
	mov	RAMDISK_SIZE(%esi), %ecx
	jecxz	6f
5:	mov	(%ebx), %al
	inc	%ebx
	out	%al, %dx
	loop	5b
6:	say	'\n', 'm', '='
	mov	SCREEN_MODE(%esi), %al
	add	$'0', %al
	out	%al, %dx
	say	'\n', 'e', '='
	mov	E820_ENTRIES(%esi), %al
	add	$'0', %al
	out	%al, %dx
	say	'\n'
	mov	%ebp, %eax
	out	%eax, $EXIT_PORT
7:	hlt
	jmp	7b
	.section .note.GNU-stack, "", @progbits
