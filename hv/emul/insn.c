/* See insn.h: prefixes, opcode, ModRM and SIB, operands, in the order in which they stand. */
#include "emul/insn.h"

#include "lib/errno.h"

/* Registers have the numbers that instructions give them. */
static_assert(HV_RSP == 4 && HV_RDI == 7 && HV_R15 == 15, "ModRM.reg, REX.R");
static_assert(HV_ES == 0 && HV_DS == 3 && HV_GS == 5, "ModRM.reg of MOV to a segment register");

/* ---- The tables ----------------------------------------------------------------------------- */

/*
 * Operands: how they are encoded, and how large they are. The names are explained in insn.def, but
 * for these: p is v without 8 bytes, since no port is as wide; y has 8 bytes in 64-bit code and 4
 * elsewhere; Es is a register of the operand's size or a word in memory; Ex is 4 bytes, or 2 of
 * a register if the operand size is 2; Z is a register in the low bits of the opcode.
 */
enum {
	BY_NONE, BY_E, BY_M, BY_R, BY_G, BY_S, BY_C, BY_D, BY_A, BY_DX, BY_Z, BY_I, BY_O, BY_X,
	BY_Y,
};
enum { SIZE_b, SIZE_w, SIZE_v, SIZE_p, SIZE_y, SIZE_z, SIZE_sb, SIZE_s, SIZE_x };

#define SPEC(by, size) ((by) << 4 | (size))
enum spec {
	SPEC_NONE = SPEC(BY_NONE, 0),
	SPEC_Eb = SPEC(BY_E, SIZE_b),
	SPEC_Ew = SPEC(BY_E, SIZE_w),
	SPEC_Ev = SPEC(BY_E, SIZE_v),
	SPEC_Es = SPEC(BY_E, SIZE_s),
	SPEC_Ex = SPEC(BY_E, SIZE_x),
	SPEC_Mb = SPEC(BY_M, SIZE_b),
	SPEC_Ry = SPEC(BY_R, SIZE_y),
	SPEC_Gb = SPEC(BY_G, SIZE_b),
	SPEC_Gv = SPEC(BY_G, SIZE_v),
	SPEC_Sw = SPEC(BY_S, SIZE_w),
	SPEC_Cy = SPEC(BY_C, SIZE_y),
	SPEC_Dy = SPEC(BY_D, SIZE_y),
	SPEC_AL = SPEC(BY_A, SIZE_b),
	SPEC_rAX = SPEC(BY_A, SIZE_v),
	SPEC_eAX = SPEC(BY_A, SIZE_p),
	SPEC_DX = SPEC(BY_DX, SIZE_w),
	SPEC_Zb = SPEC(BY_Z, SIZE_b),
	SPEC_Zv = SPEC(BY_Z, SIZE_v),
	SPEC_Ib = SPEC(BY_I, SIZE_b),
	SPEC_sIb = SPEC(BY_I, SIZE_sb),
	SPEC_Iz = SPEC(BY_I, SIZE_z),
	SPEC_Iv = SPEC(BY_I, SIZE_v),
	SPEC_Ob = SPEC(BY_O, SIZE_b),
	SPEC_Ov = SPEC(BY_O, SIZE_v),
	SPEC_Xb = SPEC(BY_X, SIZE_b),
	SPEC_Xv = SPEC(BY_X, SIZE_v),
	SPEC_Xp = SPEC(BY_X, SIZE_p),
	SPEC_Yb = SPEC(BY_Y, SIZE_b),
	SPEC_Yv = SPEC(BY_Y, SIZE_v),
	SPEC_Yp = SPEC(BY_Y, SIZE_p),
};

enum { MAP_ONE, MAP_0F, MAP_0F01, MAP_NOP, MAP_PAUSE };
enum { LOCKABLE = 1, NOT_64 = 2, ONLY_64 = 4, BARE = 8 };
#define ANY	0xff

struct row {
	u16 key;		/* map and opcode */
	u8 reg, op, spec[INSN_OPERANDS], attributes;
};

#define KEY(map, opcode) ((u16)((map) << 8 | (opcode)))

static const struct row rows[] = {
#define INSN(map, opcode, reg, op, a, b, attributes) \
	{ KEY(MAP_##map, opcode), reg, INSN_##op, { SPEC_##a, SPEC_##b }, attributes },
#include "emul/insn.def"
};

const char *insn_name(enum insn_op op)
{
	static const char *const names[] = {
#define INSN_OP(op, name, execute) name,
#include "emul/insn.def"
	};

	return names[op];
}

/* The first row of an opcode, or NULL. */
static const struct row *find(u16 key)
{
	u32 low = 0, high = ARRAY_SIZE(rows);

	while (low < high) {
		u32 middle = (low + high) / 2;

		if (rows[middle].key < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low < ARRAY_SIZE(rows) && rows[low].key == key ? &rows[low] : NULL;
}

/* ---- Bytes ---------------------------------------------------------------------------------- */

struct decoder {
	struct insn *insn;
	const u8 *bytes;
	u32 size, at;
	int error;			/* the first one; from then on all bytes are 0 */
	u8 opcode;			/* its last byte */
	u8 segment;			/* the prefix's; HV_SEGS: none */
	u8 mod, reg, rm;		/* reg and rm with their bit of REX */
	struct insn_operand mem;	/* of the ModRM byte */
};

static void refuse(struct decoder *d, int error)
{
	if (!d->error)
		d->error = error;
}

static u8 peek(struct decoder *d)
{
	if (d->at == INSN_MAX_LENGTH)
		refuse(d, -EINVAL);
	else if (d->at == d->size)
		refuse(d, -EAGAIN);
	return d->error ? 0 : d->bytes[d->at];
}

/* The next `bytes` bytes, low byte first. */
static u64 take(struct decoder *d, u32 bytes)
{
	u64 n = 0;

	for (u32 i = 0; i < bytes; i++) {
		n |= (u64)peek(d) << 8 * i;
		d->at++;
	}
	return n;
}

/* 1, 2 or 4 bytes, extended to 64 bits. */
static u64 take_signed(struct decoder *d, u32 bytes)
{
	u64 n = take(d, bytes);

	return (u64)(bytes == 1 ? (int8_t)n : bytes == 2 ? (int16_t)n : (int32_t)n);
}

/* ---- Prefixes ------------------------------------------------------------------------------- */

/* In 64-bit code only FS and GS count, even if another stands behind them. */
static bool segment_prefix(struct decoder *d, u8 segment)
{
	if (d->insn->mode != INSN_64 || segment >= HV_FS)
		d->segment = segment;
	return true;
}

static bool legacy_prefix(struct decoder *d, u8 byte)
{
	u8 *prefixes = &d->insn->prefixes;

	switch (byte) {
	case 0x26: return segment_prefix(d, HV_ES);
	case 0x2e: return segment_prefix(d, HV_CS);
	case 0x36: return segment_prefix(d, HV_SS);
	case 0x3e: return segment_prefix(d, HV_DS);
	case 0x64: return segment_prefix(d, HV_FS);
	case 0x65: return segment_prefix(d, HV_GS);
	case 0x66: *prefixes |= INSN_OPSIZE; return true;
	case 0x67: *prefixes |= INSN_ADDRSIZE; return true;
	case 0xf0: *prefixes |= INSN_LOCK; return true;
	case 0xf2: *prefixes = (u8)((*prefixes & ~INSN_REP) | INSN_REPNE); return true;
	case 0xf3: *prefixes = (u8)((*prefixes & ~INSN_REPNE) | INSN_REP); return true;
	default: return false;
	}
}

static void decode_prefixes(struct decoder *d)
{
	struct insn *i = d->insn;
	u8 byte;

	for (; byte = peek(d), !d->error; d->at++) {
		if (legacy_prefix(d, byte))
			i->rex = 0;		/* one that is not the last prefix is ignored */
		else if (i->mode == INSN_64 && (byte & 0xf0) == 0x40)
			i->rex = byte;
		else
			break;
	}
	if (i->rex)
		i->prefixes |= INSN_REX;
	if (i->rex & 0x08)			/* REX.W */
		i->operand_size = 8;
	else
		i->operand_size = (i->mode == INSN_16) != !!(i->prefixes & INSN_OPSIZE) ? 2 : 4;
	if (i->mode == INSN_64)
		i->address_size = i->prefixes & INSN_ADDRSIZE ? 4 : 8;
	else
		i->address_size = (i->mode == INSN_16) != !!(i->prefixes & INSN_ADDRSIZE) ? 2 : 4;
}

/* ---- Opcode --------------------------------------------------------------------------------- */

static const struct row *find_opcode(struct decoder *d)
{
	const struct row *row;
	u8 map = MAP_ONE;

	d->opcode = (u8)take(d, 1);
	if (d->opcode == 0x0f) {
		map = MAP_0F;
		d->opcode = (u8)take(d, 1);
		row = d->opcode == 0x01 ? find(KEY(MAP_0F01, peek(d))) : NULL;
		if (row)
			return row;
	} else if (d->opcode == 0x90 && !(d->insn->rex & 0x01)) {
		map = d->insn->prefixes & INSN_REP ? MAP_PAUSE : MAP_NOP;
	}
	row = find(KEY(map, d->opcode));
	if (!row) {
		row = find(KEY(map, d->opcode & ~7));
		if (row && row->spec[0] >> 4 != BY_Z)
			row = NULL;
	}
	return row;
}

/* Rows of a group differ in the ModRM byte's reg. */
static const struct row *find_row(struct decoder *d)
{
	const struct row *row = find_opcode(d);
	u16 key = row ? row->key : 0;

	if (row && row->reg != ANY) {
		u8 reg = peek(d) >> 3 & 7;

		while (row && row->reg != reg) {
			row++;
			if (row == rows + ARRAY_SIZE(rows) || row->key != key)
				row = NULL;
		}
	}
	if (!row || row->attributes & (d->insn->mode == INSN_64 ? NOT_64 : ONLY_64))
		return NULL;
	if (row->attributes & BARE && d->insn->prefixes & (INSN_REP | INSN_REPNE | INSN_OPSIZE))
		return NULL;
	return row;
}

/* ---- ModRM, SIB, displacement --------------------------------------------------------------- */

/* SDM vol. 2, table 2-1: pairs of registers, and no SIB byte. */
static void decode_mem_16(struct decoder *d)
{
	static const u8 base[8] = { HV_RBX, HV_RBX, HV_RBP, HV_RBP,
				    HV_RSI, HV_RDI, HV_RBP, HV_RBX };
	static const u8 index[8] = { HV_RSI, HV_RDI, HV_RSI, HV_RDI,
				     INSN_NO_REG, INSN_NO_REG, INSN_NO_REG, INSN_NO_REG };
	struct insn_operand *m = &d->mem;

	m->base = base[d->rm & 7];
	m->index = index[d->rm & 7];
	if (d->mod == 0 && (d->rm & 7) == 6) {
		m->base = INSN_NO_REG;
		m->value = take_signed(d, 2);
	} else if (d->mod) {
		m->value = take_signed(d, d->mod);
	}
}

/* SDM vol. 2, tables 2-2 and 2-3. */
static void decode_mem_32(struct decoder *d)
{
	struct insn_operand *m = &d->mem;
	u8 rex = d->insn->rex, sib;

	m->base = d->rm;
	if ((d->rm & 7) == 4) {
		sib = (u8)take(d, 1);
		m->base = (u8)((sib & 7) | (rex & 0x01) << 3);
		m->index = (u8)((sib >> 3 & 7) | (rex & 0x02) << 2);
		m->scale = (u8)(1 << (sib >> 6));
		if (m->index == HV_RSP) {	/* R12 can be one */
			m->index = INSN_NO_REG;
			m->scale = 1;
		}
	}
	if (d->mod == 0 && (m->base & 7) == 5) {
		m->base = d->insn->mode == INSN_64 && (d->rm & 7) == 5 ? INSN_RIP : INSN_NO_REG;
		m->value = take_signed(d, 4);
	} else if (d->mod) {
		m->value = take_signed(d, d->mod == 1 ? 1 : 4);
	}
}

/* `only_registers`: mod is not looked at (MOV to and from control and debug registers). */
static void decode_modrm(struct decoder *d, bool only_registers)
{
	u8 modrm = (u8)take(d, 1);

	d->mod = only_registers ? 3 : modrm >> 6;
	d->reg = (u8)((modrm >> 3 & 7) | (d->insn->rex & 0x04) << 1);
	d->rm = (u8)((modrm & 7) | (d->insn->rex & 0x01) << 3);
	if (d->mod == 3)
		return;
	d->mem = (struct insn_operand){ .kind = INSN_MEM, .index = INSN_NO_REG, .scale = 1 };
	if (d->insn->address_size == 2)
		decode_mem_16(d);
	else
		decode_mem_32(d);
	d->mem.segment = d->mem.base == HV_RSP || d->mem.base == HV_RBP ? HV_SS : HV_DS;
	if (d->segment != HV_SEGS)
		d->mem.segment = d->segment;
}

/* ---- Operands ------------------------------------------------------------------------------- */

static u8 operand_size(const struct decoder *d, enum spec spec)
{
	u8 size = d->insn->operand_size;

	switch (spec & 0xf) {
	case SIZE_b: return 1;
	case SIZE_w: return 2;
	case SIZE_p: return size == 8 ? 4 : size;
	case SIZE_y: return d->insn->mode == INSN_64 ? 8 : 4;
	case SIZE_s: return d->mod == 3 ? size : 2;
	case SIZE_x: return d->mod == 3 && size == 2 ? 2 : 4;
	default: return size;
	}
}

/* Without a REX prefix 4 to 7 are AH, CH, DH, BH. */
static void set_gpr(const struct decoder *d, struct insn_operand *o, u8 reg)
{
	o->kind = INSN_REG;
	o->reg = reg;
	if (o->size == 1 && !d->insn->rex && reg >= HV_RSP) {
		o->kind = INSN_HIGH_BYTE;
		o->reg = reg - HV_RSP;
	}
}

static void set_mem(struct insn_operand *o, u8 segment, u8 base, u64 value)
{
	*o = (struct insn_operand){ INSN_MEM, o->size, 0, segment, base, INSN_NO_REG, 1, value };
}

static void set_imm(struct decoder *d, struct insn_operand *o, enum spec spec)
{
	o->kind = INSN_IMM;
	if (spec == SPEC_sIb)
		o->value = take_signed(d, 1);
	else if (spec == SPEC_Iz)
		o->value = take_signed(d, o->size == 8 ? 4 : o->size);
	else
		o->value = take(d, o->size);
	if (o->size < 8)
		o->value &= BIT(8 * o->size) - 1;
}

/* CR0, 2, 3, 4 and 8, DR0 to DR7 and the segment registers; CS can not be written. */
static void set_special(struct decoder *d, struct insn_operand *o, u8 by, bool written)
{
	o->reg = d->reg;
	if (by == BY_C) {
		o->kind = INSN_CR;
		if (d->reg >= 16 || !(0x11d >> d->reg & 1))
			refuse(d, -EINVAL);
	} else if (by == BY_D) {
		o->kind = INSN_DR;
		if (d->reg > 7)
			refuse(d, -EINVAL);
	} else {
		o->kind = INSN_SEG;
		o->reg = d->reg & 7;		/* there is no REX.R for these */
		if (o->reg > HV_GS || (written && o->reg == HV_CS))
			refuse(d, -EINVAL);
	}
}

static void decode_operand(struct decoder *d, struct insn_operand *o, enum spec spec, bool written)
{
	u8 by = spec >> 4, override = d->segment == HV_SEGS ? HV_DS : d->segment;

	o->size = operand_size(d, spec);
	switch (by) {
	case BY_M:
		if (d->mod == 3)
			refuse(d, -ENOSYS);	/* another instruction, which we don't know */
		/* fall through */
	case BY_E: case BY_R:
		if (d->mod == 3) {
			set_gpr(d, o, d->rm);
		} else {
			d->mem.size = o->size;
			*o = d->mem;
		}
		break;
	case BY_G: set_gpr(d, o, d->reg); break;
	case BY_A: set_gpr(d, o, HV_RAX); break;
	case BY_DX: set_gpr(d, o, HV_RDX); break;
	case BY_Z: set_gpr(d, o, (u8)((d->opcode & 7) | (d->insn->rex & 0x01) << 3)); break;
	case BY_I: set_imm(d, o, spec); break;
	case BY_O:
		set_mem(o, override, INSN_NO_REG, take(d, d->insn->address_size));
		break;
	case BY_X: set_mem(o, override, HV_RSI, 0); break;
	case BY_Y: set_mem(o, HV_ES, HV_RDI, 0); break;	/* no prefix changes ES */
	default: set_special(d, o, by, written); break;
	}
}

/* Which operands the ModRM byte has a part in. */
static bool has_modrm(const struct row *row, u8 first, u8 last)
{
	for (u32 n = 0; n < INSN_OPERANDS; n++)
		if (row->spec[n] >> 4 >= first && row->spec[n] >> 4 <= last)
			return true;
	return false;
}

/* ---- All together --------------------------------------------------------------------------- */

int insn_decode(struct insn *out, const u8 *bytes, u32 size, enum insn_mode mode)
{
	struct decoder d = { .insn = out, .bytes = bytes, .size = size, .segment = HV_SEGS };
	const struct row *row;

	*out = (struct insn){ .mode = (u8)mode };
	decode_prefixes(&d);
	row = find_row(&d);
	if (!row)
		refuse(&d, -ENOSYS);
	if (d.error)
		return d.error;
	out->op = row->op;
	if (row->key >> 8 == MAP_0F01)
		take(&d, 1);
	else if (has_modrm(row, BY_E, BY_D))
		decode_modrm(&d, has_modrm(row, BY_R, BY_R));
	for (u32 n = 0; n < INSN_OPERANDS; n++)
		if (row->spec[n] != SPEC_NONE)
			decode_operand(&d, &out->operand[n], row->spec[n], n == 0);
	if (out->prefixes & INSN_LOCK &&
	    !(row->attributes & LOCKABLE && out->operand[0].kind == INSN_MEM))
		refuse(&d, -EINVAL);
	out->length = (u8)d.at;
	return d.error;
}
