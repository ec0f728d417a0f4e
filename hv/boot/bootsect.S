/*
 * bootsect.S - the boot sector of the flat disk image.
 *
 * The BIOS reads the first 512 bytes of the disk to 0x7c00 and jumps there in real-address
 * mode, with the number of the disk in DL. So little fits into a sector that it does one
 * thing only: it loads the loader, which follows it on the disk, and jumps to it.
 *
 * Real-address mode in one sentence: a memory operand is segment * 16 + offset, and with
 * all segments 0, as here, an offset is simply a physical address below 64 KiB.
 */
#include "image.h"

#define COM1			0x3f8
#define COM1_DIVISOR_LOW	(COM1 + 0)	/* while LINE_CONTROL_DLAB is set */
#define COM1_DIVISOR_HIGH	(COM1 + 1)
#define COM1_LINE_CONTROL	(COM1 + 3)
#define COM1_LINE_STATUS	(COM1 + 5)
#define LINE_CONTROL_8N1	0x03		/* 8 data bits, no parity, 1 stop bit */
#define LINE_CONTROL_DLAB	0x80		/* divisor latch access */
#define LINE_STATUS_THRE	0x20		/* transmitter holding register empty */

.macro	OUTB port, value
	mov	$\port, %dx
	mov	$\value, %al
	out	%al, %dx
.endm

	.section .bootsect, "ax"
	.code16
	.globl	bootsect
bootsect:
	cli
	xor	%ax, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %ss
	mov	$BOOT_BASE, %sp			/* the stack grows down from here */
	sti
	cld
	ljmp	$0, $1f				/* some BIOSes come in at 07c0:0000 */
1:	mov	%dl, boot_disk
	mov	$disk_packet, %si		/* it describes the loader already */
	call	disk_read
	jmp	loader

/*
 * disk_read - read what disk_packet says, by "extended read", INT 13h AH=42h. It counts
 * sectors from 0 over the whole disk, so nobody has to think in cylinders and heads.
 */
	.globl	disk_read
disk_read:
	pushal
	mov	boot_disk, %dl
	mov	$disk_packet, %si
	mov	$0x42, %ah
	int	$0x13
	mov	$disk_failed, %si
	jc	boot_fail			/* CF = 1: the BIOS reports an error */
	popal
	ret

/*
 * boot_fail - tell why the boot ends here, on the screen and on COM1, and stop for good.
 * SI: the reason, a zero-terminated string. "end status=126" is what the hypervisor says
 * when it fails, so whoever reads the serial line need not know that it never started.
 */
	.globl	boot_fail
boot_fail:
	push	%si
	OUTB	COM1_LINE_CONTROL, LINE_CONTROL_DLAB
	OUTB	COM1_DIVISOR_LOW, 1		/* 115200 baud */
	OUTB	COM1_DIVISOR_HIGH, 0
	OUTB	COM1_LINE_CONTROL, LINE_CONTROL_8N1
	mov	$boot_name, %si
	call	boot_print
	pop	%si
	call	boot_print
	mov	$boot_end, %si
	call	boot_print
	cli
1:	hlt
	jmp	1b

/* boot_print - print the zero-terminated string at SI. Changes AX, BX, DX, SI. */
boot_print:
	lodsb
	test	%al, %al
	jz	2f
	push	%ax
	mov	$0x0e, %ah			/* INT 10h AH=0Eh: write a character */
	mov	$0x0007, %bx			/* page 0, light grey */
	int	$0x10
	mov	$COM1_LINE_STATUS, %dx
1:	in	%dx, %al
	test	$LINE_STATUS_THRE, %al
	jz	1b				/* no port at all reads as 0xff: ready */
	pop	%ax
	mov	$COM1, %dx
	out	%al, %dx
	jmp	boot_print
2:	ret

boot_name:
	.asciz	"boot: "
boot_end:
	.asciz	"\r\nend status=126\r\n"
disk_failed:
	.asciz	"the BIOS cannot read the disk"
boot_disk:
	.byte	0

/* The disk address packet of INT 13h AH=42h. The linker script counts the sectors. */
	.balign	4
	.globl	disk_packet, disk_packet_count, disk_packet_offset, disk_packet_segment
	.globl	disk_packet_lba
disk_packet:
	.byte	16, 0				/* size of the packet, reserved */
disk_packet_count:
	.word	loader_sectors
disk_packet_offset:
	.word	loader
disk_packet_segment:
	.word	0
disk_packet_lba:
	.long	1, 0				/* 64 bits */

	.org	BOOT_SIGNATURE - BOOT_BASE
	.byte	0x55, 0xaa

	.section .note.GNU-stack, "", @progbits
