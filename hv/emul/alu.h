/**
 * @file alu.h
 * Integer arithmetic as x86 does it, with its flags. Pure.
 */
#ifndef EMUL_ALU_H
#define EMUL_ALU_H

#include "emul/insn.h"

/** The low `size` bytes of a value: 1, 2, 4 or 8. */
static inline u64 alu_cut(u64 value, u32 size)
{
	return size == 8 ? value : value & (BIT(8 * size) - 1);
}

/** The low `size` bytes of a value as a signed number, extended to 64 bits. */
static inline u64 alu_sign_extend(u64 value, u32 size)
{
	u32 unused = 64 - 8 * size;

	return (u64)((s64)(value << unused) >> unused);
}

/**
 * @param op     INSN_ADD, INSN_OR, INSN_AND, INSN_SUB, INSN_XOR, INSN_CMP or INSN_TEST
 * @param a, b   of `size` bytes, nothing above; what CMP and TEST do not keep is the result as well
 * @param flags  RFLAGS; its six status flags are set
 * @return the result, of `size` bytes
 */
u64 alu_arithmetic(enum insn_op op, u64 a, u64 b, u32 size, u64 *flags);

/**
 * @param op     INSN_BT, INSN_BTS, INSN_BTR or INSN_BTC
 * @param bit    which one: below 64
 * @param flags  RFLAGS; its CF becomes what the bit was
 * @return `value` with the bit set, reset, complemented
 */
u64 alu_bit(enum insn_op op, u64 value, u32 bit, u64 *flags);

#endif
