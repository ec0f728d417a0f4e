/* The body of first.16.S, first.32.S and first.64.S: the same ten instructions in each mode. */

#if defined(__x86_64__)
#define R(x) r##x
#else
#define R(x) e##x
#endif

	.section .text.start, "ax"
	.globl	start, done
#ifdef REAL_MODE
	.code16
#endif
start:
	mov	%cr0, %R(ax)
	mov	%cr4, %R(bx)
#ifdef REAL_MODE
	pushfl
#else
	pushf
#endif
	pop	%R(dx)
	mov	%ss, %ecx
	shl	$16, %ecx
	mov	%cs, %cx
	mov	%edi, %ebp		/* the arguments, mixed */
	rol	$7, %ebp
	xor	%esi, %ebp
done:
	hlt
	jmp	done
	.section .note.GNU-stack, "", @progbits
