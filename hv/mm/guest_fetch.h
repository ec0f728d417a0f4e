/**
 * @file guest_fetch.h
 * Reads the instruction at the guest's RIP, where the hardware does not tell enough about it.
 */
#ifndef MM_GUEST_FETCH_H
#define MM_GUEST_FETCH_H

#include "core/vm.h"
#include "emul/insn.h"

/**
 * Decode the instruction at CS:RIP, which has just exited, in the vCPU's mode and through its
 * page tables.
 * @return -EINVAL: it can't be read, or is none that emul/insn.def has
 */
int guest_fetch(struct vcpu *v, struct insn *insn);

/**
 * The bytes of that instruction, and what is behind it.
 * @param bits  out: 16, 32 or 64: in code of how many it is
 * @return how many bytes can be read, up to 15
 */
u32 guest_fetch_bytes(struct vcpu *v, u8 bytes[static INSN_MAX_LENGTH], u8 *bits);

/**
 * Where the first byte of that instruction is in the host; true as long as vm->p2m_generation
 * stays.
 * @return NULL: not in the guest's memory
 */
const u8 *guest_fetch_pointer(struct vcpu *v);

#endif
