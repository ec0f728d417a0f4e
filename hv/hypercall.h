/**
 * @file hypercall.h
 * What a guest can ask of the hypervisor with VMMCALL (AMD) or VMCALL (Intel): the number in RAX,
 * arguments in RDI and RSI, the result in RAX: >= 0, or a negated error number of lib/errno.h.
 * Only privilege level 0 may; others get -EPERM. Guests include this file too.
 */
#ifndef HYPERCALL_H
#define HYPERCALL_H

#define HYPERCALL_VERSION	0	/**< -> the version of this interface, 1 */
#define HYPERCALL_YIELD		1	/**< let other vCPUs run */
#define HYPERCALL_INTERRUPT	2	/**< (vector): interrupt me, 32 to 255 */
#define HYPERCALL_NMI		3	/**< send me an NMI */
#define HYPERCALL_TIMER		4	/**< (ticks): raise IRQ 0 in so many TSC ticks; 0: don't */

#endif
