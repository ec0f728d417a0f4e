/*
 * A CPU on which nothing else of this program could run is told so here, in its 32-bit mode: on the
 * screen in VGA text mode, and on the first serial port. Without a serial port the latter is read
 * as ready, and nothing is lost.
 */
#include "x86/asm.h"

#define KERNEL_BASE	0xffffffff80000000
#define PHYS(symbol)	((symbol) - KERNEL_BASE)

#define CPUID_EXT	0x80000001
#define EDX_NEEDED	(1 << 29 | 1 << 20)	/* LM and NX */

#define VGA_TEXT	0xb8000
#define CELLS		(80 * 25)
#define COM1		0x3f8
#define COM1_LCR	0x3fb
#define COM1_LSR	0x3fd
#define LSR_THRE	0x20
#define POLLS		0x100000		/* then go on without that byte */

	.text
	.code32
/* Come back if the CPU has what head.S switches on. Clobbers EAX, ECX, EDX. */
FUNC(boot_check_cpu)
	push	%ebx
	mov	$CPUID_EXT - 1, %eax
	cpuid
	cmp	$CPUID_EXT, %eax
	jb	1f
	mov	$CPUID_EXT, %eax
	cpuid
	and	$EDX_NEEDED, %edx
	cmp	$EDX_NEEDED, %edx
	jne	1f
	pop	%ebx
	ret

1:	mov	$VGA_TEXT, %edi
	mov	$CELLS, %ecx
	mov	$0x0720, %eax
	rep stosw
	mov	$COM1_LCR, %edx			/* 115200 baud, as in core/console.c */
	mov	$0x83, %al
	out	%al, %dx
	mov	$COM1, %edx
	mov	$1, %ax				/* the divisor, high byte with the low one */
	out	%ax, %dx
	mov	$COM1_LCR, %edx
	mov	$3, %al
	out	%al, %dx

	mov	$PHYS(sorry), %esi
	mov	$VGA_TEXT, %edi
2:	lodsb
	test	%al, %al
	jz	5f
	mov	%al, %bl
	mov	%al, (%edi)
	add	$2, %edi
	mov	$COM1_LSR, %edx
	mov	$POLLS, %ecx
3:	in	%dx, %al
	test	$LSR_THRE, %al
	loopz	3b
	mov	$COM1, %edx
	mov	%bl, %al
	out	%al, %dx
	jmp	2b

5:	hlt					/* for ever: interrupts are off */
	jmp	5b
END(boot_check_cpu)

	.section .rodata
sorry:
	.ascii	"Nestling: this CPU has no 64-bit mode, or no NX (CPUID Fn8000_0001 EDX bits 29, "
	.ascii	"20), which we need. Take a PC made since 2006; if it is one, turn on \"Execute "
	.asciz	"Disable\" or \"NX\" in the firmware's set-up. \nend status=126\n"
	.section .note.GNU-stack, "", @progbits
