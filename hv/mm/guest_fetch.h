/**
 * @file guest_fetch.h
 * Reads the instruction at the guest's RIP, where the hardware does not tell enough about it.
 */
#ifndef MM_GUEST_FETCH_H
#define MM_GUEST_FETCH_H

#include "core/vm.h"

/**
 * Copy up to `size` instruction bytes from 64-bit code at virtual address `va`, through the
 * guest's own page tables. Reads only what is there.
 * @return bytes copied, 0 when the first is not mapped or the guest is not in long mode
 */
u32 guest_fetch(struct vcpu *v, gva_t va, u8 *buf, u32 size);

/**
 * Decode MOV to CRn at exit->rip: fills exit->cr.gpr and exit->next_rip.
 * @return -EFAULT (not readable), -EINVAL (not this instruction)
 */
int guest_fetch_mov_cr(struct vcpu *v, struct hv_exit *exit);

#endif
