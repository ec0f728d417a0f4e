/*
 * loader.S - load the hypervisor and its modules, and start it as multiboot 1 prescribes.
 *
 * The BIOS can be called in real-address mode only and reads to addresses below 1 MiB only.
 * The hypervisor belongs above. So each piece is read into a bounce buffer and copied up from
 * protected mode, in and out again for each piece. (The known short cut, "unreal mode",
 * keeps 4-GiB segments in real-address mode; a BIOS that uses protected mode itself
 * takes them away without a word.)
 *
 * "Multiboot Specification 0.6.96": 3.2 machine state, 3.3 boot information format.
 */
#include "image.h"

#define CR0_PE			(1 << 0)

#define CODE32			(1 * 8)		/* selectors into boot_gdt */
#define DATA32			(2 * 8)
#define CODE16			(3 * 8)
#define DATA16			(4 * 8)

#define E820_SMAP		0x534d4150	/* "SMAP" */
#define E820_LENGTH		8		/* offsets in one entry */
#define E820_TYPE		16
#define E820_SIZE		20
#define E820_RAM		1
#define MIB			0x100000

/*
 * Go from real-address to 32-bit protected mode, with interrupts off. The far jump loads CS;
 * until then the processor goes on decoding 16-bit code. (SDM vol. 3, 9.9.1)
 */
.macro	ENTER_PROTECTED
	cli
	lgdtl	boot_gdt_register
	mov	%cr0, %eax
	or	$CR0_PE, %al
	mov	%eax, %cr0
	ljmpl	$CODE32, $.Lprotected\@
	.code32
.Lprotected\@:
	mov	$DATA32, %eax
	mov	%eax, %ds
	mov	%eax, %es
.endm

	.section .loader, "ax"
	.code16
	.globl	loader
loader:
	mov	$no_table, %si
	cmpl	$TABLE_MAGIC_VALUE, load_table + TABLE_MAGIC
	jne	boot_fail
	call	a20_enable
	mov	$load_table + TABLE_LOADS, %si
	call	load_region			/* the first: multiboot information */
	call	memory_map
	call	memory_check
	mov	load_table + TABLE_COUNT, %cx
1:	dec	%cx
	jz	start
	add	$LOAD_SIZE, %si
	call	load_region
	jmp	1b

/* start - protected mode for good: flat segments, no paging, A20 on, EAX and EBX as agreed. */
start:
	ENTER_PROTECTED
	mov	%eax, %ss
	mov	%eax, %fs
	mov	%eax, %gs
	mov	$MB_BOOT_MAGIC, %eax
	mov	load_table + TABLE_INFO, %ebx
	jmp	*load_table + TABLE_ENTRY
	.code16

/* load_region - carry out the load at SI, in pieces. Uses the entry up; keeps CX and SI. */
load_region:
	mov	LOAD_SECTORS(%si), %eax
	test	%eax, %eax
	jz	2f
	cmp	$BUFFER_SECTORS, %eax
	jbe	1f
	mov	$BUFFER_SECTORS, %eax
1:	mov	LOAD_LBA(%si), %ebx
	mov	LOAD_ADDRESS(%si), %edi
	mov	%ax, disk_packet_count
	movl	$(BUFFER_BASE / 16) << 16, disk_packet_offset	/* segment : offset 0 */
	mov	%ebx, disk_packet_lba
	call	disk_read
	sub	%eax, LOAD_SECTORS(%si)
	add	%eax, LOAD_LBA(%si)
	shl	$9, %eax			/* sectors to bytes */
	add	%eax, LOAD_ADDRESS(%si)
	call	copy_up
	jmp	load_region
2:	ret

/*
 * copy_up - copy EAX bytes (a multiple of 4) from the buffer to physical address EDI.
 *
 * The way back to real-address mode leads through a 16-bit code segment and data segments
 * with the 64-KiB limit that real-address mode expects (SDM vol. 3, 9.9.2). SS is never
 * loaded on the way, so the stack is just as it was.
 */
copy_up:
	pushal
	mov	%eax, %ecx
	shr	$2, %ecx
	mov	$BUFFER_BASE, %esi
	ENTER_PROTECTED
	rep movsl
	ljmp	$CODE16, $1f
	.code16
1:	mov	$DATA16, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%cr0, %eax
	and	$~CR0_PE, %al
	mov	%eax, %cr0
	ljmp	$0, $2f
2:	xor	%ax, %ax
	mov	%ax, %ds
	mov	%ax, %es
	sti
	popal
	ret

/*
 * a20_enable - make address line A20 work. It was tied to 0 for programs that expected the
 * 8086's wrap at 1 MiB, and with it off every odd megabyte is an even one.
 */
a20_enable:
	call	a20_test
	jne	1f
	mov	$0x2401, %ax			/* INT 15h AX=2401h: enable A20 */
	int	$0x15
	call	a20_test
	jne	1f
	in	$0x92, %al			/* system control port A */
	or	$0x02, %al			/* bit 1: A20 */
	and	$0xfe, %al			/* bit 0 would reset the machine */
	out	%al, $0x92
	call	a20_test
	mov	$no_a20, %si
	je	boot_fail
1:	ret

/*
 * a20_test - NE: A20 works. FFFF:x+10h is 1 MiB above 0000:x, or the same place if A20 is off.
 * The two words may be equal by chance, so one is changed and both compared again.
 */
a20_test:
	push	%es
	mov	$0xffff, %ax
	mov	%ax, %es
	mov	BOOT_SIGNATURE, %ax
	cmp	%ax, %es:BOOT_SIGNATURE + 0x10
	jne	1f
	not	%ax
	mov	%ax, BOOT_SIGNATURE
	cmp	%ax, %es:BOOT_SIGNATURE + 0x10
1:	pop	%es
	ret

/*
 * memory_map - INT 15h EAX=E820h until the BIOS has told everything. Each entry is preceded by
 * its size (multiboot, 3.3). MB_MMAP_LENGTH holds the room that mkimage left.
 */
memory_map:
	pushal
	mov	load_table + TABLE_INFO, %bp
	mov	MB_MMAP_ADDR(%bp), %di
	add	%di, MB_MMAP_LENGTH(%bp)	/* for now: where the room ends */
	int	$0x12				/* AX: KiB of conventional memory */
	movzwl	%ax, %eax
	mov	%eax, MB_MEM_LOWER(%bp)
	xor	%ebx, %ebx			/* the BIOS's continuation value */
1:	lea	4 + E820_SIZE(%di), %ax
	cmp	MB_MMAP_LENGTH(%bp), %ax
	ja	3f				/* no room for one more */
	movl	$E820_SIZE, (%di)
	add	$4, %di
	mov	$0xe820, %eax
	mov	$E820_SMAP, %edx
	mov	$E820_SIZE, %ecx
	int	$0x15
	jc	2f				/* beyond the last entry */
	call	memory_upper
	add	$E820_SIZE, %di
	test	%ebx, %ebx
	jnz	1b
	jmp	3f
2:	sub	$4, %di
3:	sub	MB_MMAP_ADDR(%bp), %di
	movzwl	%di, %edi
	mov	%edi, MB_MMAP_LENGTH(%bp)
	orl	$MB_FLAG_MEMORY | MB_FLAG_MMAP, MB_FLAGS(%bp)
	popal
	ret

/* memory_upper - if the E820 entry at DI is the RAM that starts at 1 MiB, note its size. */
memory_upper:
	cmpl	$E820_RAM, E820_TYPE(%di)
	jne	1f
	cmpl	$MIB, (%di)
	jne	1f
	cmpl	$0, 4(%di)
	jne	1f
	mov	E820_LENGTH(%di), %eax
	mov	E820_LENGTH + 4(%di), %edx
	shrd	$10, %edx, %eax			/* bytes to KiB */
	mov	%eax, MB_MEM_UPPER(%bp)
1:	ret

/* memory_check - is there memory for all that is going to be loaded? */
memory_check:
	push	%si
	mov	load_table + TABLE_INFO, %bp
	mov	MB_MEM_UPPER(%bp), %eax
	add	$MIB >> 10, %eax
	mov	$no_memory, %si
	cmp	load_table + TABLE_END, %eax
	jb	boot_fail
	pop	%si
	ret

no_table:
	.asciz	"no load table; was the image made by mkimage?"
no_a20:
	.asciz	"address line A20 stays off"
no_memory:
	.asciz	"the machine has too little memory for the image"

/* Flat segments for the way up, and 64-KiB segments for the way back. */
	.balign	8
boot_gdt:
	.quad	0
	.quad	0x00cf9b000000ffff		/* CODE32: base 0, limit 4 GiB */
	.quad	0x00cf93000000ffff		/* DATA32 */
	.quad	0x00009b000000ffff		/* CODE16: base 0, limit 64 KiB */
	.quad	0x000093000000ffff		/* DATA16 */
boot_gdt_register:
	.word	boot_gdt_register - boot_gdt - 1
	.long	boot_gdt

	.section .note.GNU-stack, "", @progbits
