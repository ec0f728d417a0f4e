/* See alu.h. The flags: SDM vol. 1, 3.4.3.1. */
#include "emul/alu.h"

#include "x86/regs.h"

#define STATUS (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

static u64 when(bool condition, u64 flag)
{
	return condition ? flag : 0;
}

u64 alu_arithmetic(enum insn_op op, u64 a, u64 b, u32 size, u64 *flags)
{
	u64 sign = BIT(8 * size - 1), r, carry = 0, overflow = 0, half;

	switch (op) {
	case INSN_ADD:
		r = alu_cut(a + b, size);
		carry = r < a;
		overflow = (a ^ r) & (b ^ r) & sign;	/* both had the other sign */
		half = (a ^ b ^ r) & 0x10;		/* the carry out of bit 3 */
		break;
	case INSN_SUB: case INSN_CMP:
		r = alu_cut(a - b, size);
		carry = a < b;
		overflow = (a ^ b) & (a ^ r) & sign;
		half = (a ^ b ^ r) & 0x10;
		break;
	case INSN_OR: r = a | b; half = 0; break;
	case INSN_XOR: r = a ^ b; half = 0; break;
	default: r = a & b; half = 0; break;
	}
	*flags = (*flags & ~STATUS) | when(carry, RFLAGS_CF) | when(overflow, RFLAGS_OF) |
		 when(half, RFLAGS_AF) | when(!r, RFLAGS_ZF) | when(r & sign, RFLAGS_SF) |
		 when(!__builtin_parity((u8)r), RFLAGS_PF);
	return r;
}

u64 alu_bit(enum insn_op op, u64 value, u32 bit, u64 *flags)
{
	*flags = (*flags & ~RFLAGS_CF) | when(value & BIT(bit), RFLAGS_CF);
	switch (op) {
	case INSN_BTS: return value | BIT(bit);
	case INSN_BTR: return value & ~BIT(bit);
	case INSN_BTC: return value ^ BIT(bit);
	default: return value;
	}
}
