/* The rows of emul/insn.def as a test wants them, and random encodings of a row. */
#ifndef UNIT_INSN_ROWS_H
#define UNIT_INSN_ROWS_H

#include "emul/insn.h"
#include "lib/string.h"
#include "random.h"

enum { MAP_ONE, MAP_0F, MAP_0F01, MAP_NOP, MAP_PAUSE };
enum { LOCKABLE = 1, NOT_64 = 2, ONLY_64 = 4, BARE = 8 };
#define ANY 0xff

struct insn_row {
	u8 map, opcode, reg, op;
	const char *a, *b;		/* operands, as in the table */
	u8 attributes;
};

static const struct insn_row insn_row[] = {
#define INSN(map, opcode, reg, op, a, b, attributes) \
	{ MAP_##map, opcode, reg, INSN_##op, #a, #b, attributes },
#include "emul/insn.def"
};

/* The operand that says how wide a row is: ports are not what OUT is about. */
static inline const char *row_operand(const struct insn_row *row)
{
	return row->op == INSN_OUT || row->op == INSN_OUTS ? row->b : row->a;
}

/* Is there such a row with `size` bytes? 0 is for what has no operands. */
static inline bool row_has_size(const struct insn_row *row, u32 size)
{
	const char *operand = row_operand(row);

	if (!strcmp(operand, "NONE"))
		return size == 0;
	if (!strcmp(operand, "AL"))
		return size == 1;
	if (!strcmp(operand, "rAX"))
		return size >= 2;
	if (!strcmp(operand, "eAX"))
		return size == 2 || size == 4;
	switch (operand[1]) {
	case 'b': return size == 1;
	case 'w': return size == 2;
	case 'p': return size == 2 || size == 4;
	case 'y': return size == 4 || size == 8;
	default: return size >= 2;
	}
}

/* The same of a decoded instruction. */
static inline u32 insn_width(const struct insn *i)
{
	return i->operand[i->op == INSN_OUT || i->op == INSN_OUTS].size;
}

/*
 * Write an encoding of the row to `bytes`, which has room for INSN_MAX_LENGTH more than that: with
 * prefixes, REX if `rex` allows, and random bytes behind the opcode, as many as there is room for.
 * @return where the ModRM byte is, if there is one
 */
static inline u32 row_encode(const struct insn_row *row, u8 *bytes, u32 prefixes, bool rex,
			     bool rex_w)
{
	static const u8 prefix[] = { 0x66, 0x66, 0x66, 0x67, 0x67, 0x26, 0x2e, 0x36, 0x3e, 0x64,
				     0x65, 0xf2, 0xf3 };
	bool z = row->a[0] == 'Z';
	u32 n = 0, modrm;

	while (prefixes--)
		bytes[n++] = below(16) ? prefix[below(ARRAY_SIZE(prefix))] : 0xf0;
	if (row->map == MAP_PAUSE)
		bytes[n++] = 0xf3;
	if (rex)
		bytes[n++] = (u8)(0x40 | below(16) | (rex_w ? 0x08 : 0));
	if (row->map == MAP_0F || row->map == MAP_0F01)
		bytes[n++] = 0x0f;
	if (row->map == MAP_0F01)
		bytes[n++] = 0x01;
	bytes[n++] = (u8)(row->opcode + (z ? below(8) : 0));
	modrm = n;
	while (n < 2 * INSN_MAX_LENGTH)
		bytes[n++] = (u8)below(256);
	if (row->reg != ANY)
		bytes[modrm] = (u8)((bytes[modrm] & 0xc7) | row->reg << 3);
	return modrm;
}

#endif
