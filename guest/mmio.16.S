/*
 * Instructions on the probe in real mode, which reaches it by segments with a base that they got in
 * protected mode. Prints what EAX was after each; the registers of a string move, and what it wrote
 * around the end of its segment; those of a REP at IP 0; the probe's sum. The argument is the seed.
 */
#define SEED_PORT	0x2a4

	.macro	op insn:vararg
	\insn
	push	%eax
	.endm

	.section .text.start, "ax"
	.globl	start
	.code16
start:
	lgdtl	gdtr
	mov	$0x2000, %ax
	mov	%ax, %gs
	mov	$SEED_PORT, %dx
	mov	%edi, %eax
	out	%eax, %dx
	mov	%cr0, %eax
	or	$1, %al
	mov	%eax, %cr0
	mov	$8, %bx
	mov	%bx, %ds
	mov	%bx, %es
	and	$~1, %al
	mov	%eax, %cr0

	mov	$0x8765, %bx			/* BX + SI and BX + DI wrap at 64 KiB */
	mov	$0x55551100 - 0x8765, %esi
	mov	$0x66661200, %edi
	mov	$0x11112222, %eax
	op	mov	3(%bx, %si), %al
	op	mov	(%bx, %si), %ax
	op	mov	(%di), %eax
	op	mov	0x1300, %ax
	op	mov	%al, 0x1302
	op	add	%eax, 5(%di)
	op	movsbw	-1(%di), %ax
	op	xchg	%ah, (%di)
	mov	$-300, %ax
	op	bts	%ax, (%di)
	mov	$0x1280, %edx
	xor	%eax, %eax
	op	mov	%eax, -4(%edx, %eax, 4)
	op	movw	$0xcafe, (%di)
	mov	$0x1400, %si
	lodsw
	op	lodsl

	mov	$0x77770007, %ecx		/* from ES, to ES */
	es rep movsw
	op	mov	%ecx, %eax
	mov	$0x70, %ecx
	rep stosb
	mov	$0x2a0, %dx
	mov	$0x11110003, %ecx
	rep insw
	mov	$2, %cl
	rep outsl
	op	mov	%ecx, %eax

	mov	$0x1500, %esi			/* with 32-bit addresses */
	mov	$0x1600, %edi
	mov	$5, %ecx
	rep movsb (%esi), %es:(%edi)
	mov	%gs, %ax			/* to memory, beyond the end of its segment */
	mov	%ax, %es
	mov	$0x3333fffa, %edi
	mov	$0x44441700, %esi
	mov	$0x55550008, %ecx
	rep movsw
	op	mov	%esi, %eax
	op	mov	%edi, %eax
	op	mov	%ecx, %eax
	op	mov	%es:0xfffc, %eax
	op	mov	%es:6, %eax

	movw	$0xa4f3, %es:0x20		/* at IP 0: REP MOVSB, RETF */
	movb	$0xcb, %es:0x22
	mov	$0x1700, %si
	mov	$0x40, %di
	mov	$150, %cx
	lcall	$0x2002, $0
	op	mov	%ecx, %eax
	op	mov	%es:0x40 + 146, %eax
	mov	$SEED_PORT, %dx
	op	in	%dx, %eax
	mov	$SEED_PORT + 4, %dx
	op	in	%dx, %eax

	mov	$0x3f8, %dx
	mov	$0x7bfc, %bp
1:	mov	$8, %cx
2:	roll	$4, (%bp)
	mov (%bp), %al; and $15, %al
	add $0x90, %al; daa; adc $0x40, %al; daa	/* 0 to 15: a digit */
	out	%al, %dx
	loop	2b
	mov $' ', %al; out %al, %dx
	sub	$4, %bp
	cmp	%sp, %bp
	jae	1b
	xor %eax, %eax; out %eax, $0xf4
3:	hlt; jmp 3b

gdt:	.quad	0, 0xfe0093df0000ffff		/* the probe: 64 KiB of data from 0xfedf0000 on */
gdtr:	.word	gdtr - gdt - 1
	.long	gdt
	.section .note.GNU-stack, "", @progbits
