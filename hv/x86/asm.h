/* For assembly files: how a function begins and ends. */
#ifndef X86_ASM_H
#define X86_ASM_H

#define FUNC(name) \
	.globl name; \
	.type name, @function; \
	.p2align 4; \
name:

#define END(name) \
	.size name, . - name

#endif
