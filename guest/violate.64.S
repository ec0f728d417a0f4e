/*
 * For exercise 3.6: one access to the address in RSI. RDI says what it is: 0 a read, 1 a write,
 * 2 a fetch, 3 a read-modify-write, 4 the CPU's own read of the page tables that it is to use now.
 * What comes back from it ends the VM with status 0.
 */
	.section .text.start, "ax"
	.globl	start, read, write, change, walk, walked, done
start:
	xor	%eax, %eax
	dec	%edi
	js	read
	jz	write
	dec	%edi
	jz	fetch
	dec	%edi
	jz	change
walk:	mov	%rsi, %cr3
walked:	jmp	done

read:	mov	(%rsi), %rbx
	jmp	done
write:	mov	%rax, (%rsi)
	jmp	done
fetch:	call	*%rsi
	jmp	done
change:	incq	(%rsi)
done:	out	%eax, $0xf4
	hlt
	.section .note.GNU-stack, "", @progbits
