/*
 * Gives FS and GS a base each, its two arguments (32 bits), then swaps GS with KERNEL_GS_BASE, and
 * RDI with RSI, and halts, again and again.
 */
	.section .text.start, "ax"
	.globl	start, done

/* Entry `selector` of the GDT at address 0: a flat data segment with the base in `base`. */
	.macro	describe selector:req, base:req
	mov	\base, %eax
	and	$0xffffff, %eax
	shl	$16, %rax
	mov	\base, %edx
	shr	$24, %edx
	shl	$56, %rdx
	or	%rdx, %rax
	movabs	$0x00cf93000000ffff, %rdx
	or	%rdx, %rax
	mov	%rax, \selector
	.endm

start:
	describe 0x18, %edi
	describe 0x20, %esi
	mov	$0x18, %eax
	mov	%eax, %fs
	mov	$0x20, %eax
	mov	%eax, %gs
	swapgs
	xchg	%rdi, %rsi
done:
	hlt
	jmp	done
	.section .note.GNU-stack, "", @progbits
