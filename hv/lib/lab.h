/* What a stub of a lab exercise calls. */
#ifndef LIB_LAB_H
#define LIB_LAB_H

#ifndef __ASSEMBLER__

#include "lib/types.h"

/**
 * Say that an exercise is not done yet, and end the machine. A starter's functions call this until
 * you replace their bodies.
 * @param id       the exercise, "1.4"
 * @param function its function
 * @param handout  the file to read
 */
__noreturn void lab_todo(const char *id, const char *function, const char *handout);

#else

/* The same for a function in assembly. */
.macro LAB_TODO id:req, function:req, handout:req
	lea	91f(%rip), %rdi
	lea	92f(%rip), %rsi
	lea	93f(%rip), %rdx
	call	lab_todo
91:	.asciz	"\id"
92:	.asciz	"\function"
93:	.asciz	"\handout"
.endm

#endif
#endif
