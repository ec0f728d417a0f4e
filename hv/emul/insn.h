/**
 * @file insn.h
 * Decodes x86 instructions: those that access memory-mapped devices and ports, and those that exit
 * on CPUs that tell neither the length nor the operands of what exited. emul/insn.def lists them.
 * Pure.
 *
 * The formats are those of SDM vol. 2, 2.1 and 2.2.1.
 */
#ifndef EMUL_INSN_H
#define EMUL_INSN_H

#include "api.h"
#include "lib/types.h"

#define INSN_MAX_LENGTH		15	/* bytes; a longer one gets #GP */
#define INSN_OPERANDS		2
#define INSN_NO_REG		0xff	/* a memory operand has no base, or no index */
#define INSN_RIP		0xfe	/* as a base: the address of the next instruction */

/** The default sizes of operands and addresses, which CS.L and CS.D say. */
enum insn_mode {
	INSN_16,
	INSN_32,
	INSN_64,
	INSN_MODES
};

/** The mode of 16-, 32- or 64-bit code. */
#define INSN_MODE(bits) ((enum insn_mode)((bits) >> 5))

/** What an instruction does: INSN_ADD, ..., the first column of INSN_OP in emul/insn.def. */
enum insn_op {
#define INSN_OP(op, name, execute) INSN_##op,
#include "emul/insn.def"
	INSN_OPS
};

enum insn_operand_kind {
	INSN_NONE,
	INSN_REG,		/**< `reg` is an enum hv_gpr; the low `size` bytes of it */
	INSN_HIGH_BYTE,		/**< bits 15:8 of `reg`, one of the first four: AH, CH, DH, BH */
	INSN_SEG,		/**< `reg` is an enum hv_seg */
	INSN_CR, INSN_DR,	/**< `reg` is the number */
	INSN_MEM,		/**< segment:[base + index * scale + value] */
	INSN_IMM,		/**< `value`; extended to `size` as the instruction does */
};

/** One operand; what its kind does not mention is 0. */
struct insn_operand {
	u8 kind;		/**< enum insn_operand_kind */
	u8 size;		/**< bytes: 1, 2, 4 or 8 */
	u8 reg;
	u8 segment;		/**< enum hv_seg: the default, or the prefix's */
	u8 base, index;		/**< enum hv_gpr, INSN_NO_REG; base may be INSN_RIP */
	u8 scale;		/**< 1, 2, 4 or 8 */
	u64 value;		/**< a displacement is sign-extended to 64 bits */
};

/* insn.prefixes */
#define INSN_LOCK	0x01
#define INSN_REPNE	0x02	/* F2 */
#define INSN_REP	0x04	/* F3; of several F2 and F3 the last one counts */
#define INSN_OPSIZE	0x08	/* 66 */
#define INSN_ADDRSIZE	0x10	/* 67 */
#define INSN_REX	0x20

/** One instruction. */
struct insn {
	u8 op;			/**< enum insn_op */
	u8 mode;		/**< enum insn_mode */
	u8 length;		/**< bytes, with prefixes */
	u8 prefixes;
	u8 rex;			/**< the REX prefix that counts; 0: none */
	u8 operand_size;	/**< bytes: 2, 4 or 8; an operand's `size` may differ */
	u8 address_size;	/**< bytes: 2, 4 or 8 */
	struct insn_operand operand[INSN_OPERANDS];	/**< what is written is first */
};

/**
 * Decode the instruction at the start of `bytes`. What is behind it is not looked at.
 * @param out  undefined unless the result is 0
 * @return 0; -EAGAIN: it is longer than `size`, more bytes are needed; -ENOSYS: not one that we
 *         know; -EINVAL: no CPU has it: longer than 15 bytes, LOCK where it can't be, a register
 *         that is not there. LOCK MOV CR0, which is MOV CR8 on AMD's, is not known either
 */
int insn_decode(struct insn *out, const u8 *bytes, u32 size, enum insn_mode mode);

/** Its mnemonic as in the manuals, in lower case. @param op  below INSN_OPS */
const char *insn_name(enum insn_op op);

#endif
