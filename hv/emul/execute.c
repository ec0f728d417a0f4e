/* See execute.h. */
#include "emul/execute.h"

#include "emul/alu.h"
#include "lib/errno.h"
#include "x86/regs.h"

#define PAGE 4096

/* ---- Registers ------------------------------------------------------------------------------ */

static u64 reg_read(const struct emul *e, const struct insn_operand *o)
{
	if (o->kind == INSN_HIGH_BYTE)
		return e->gpr[o->reg] >> 8 & 0xff;
	return alu_cut(e->gpr[o->reg], o->size);
}

/* The low `size` bytes of a register; 4 bytes clear the upper half (SDM vol. 1, 3.4.1.1). */
static void gpr_write(struct emul *e, u8 reg, u32 size, u64 value)
{
	u64 *gpr = &e->gpr[reg];

	if (size == 4)
		*gpr = (u32)value;
	else
		*gpr = (*gpr - alu_cut(*gpr, size)) | alu_cut(value, size);
}

static void reg_write(struct emul *e, const struct insn_operand *o, u64 value)
{
	if (o->kind == INSN_HIGH_BYTE)
		e->gpr[o->reg] = (e->gpr[o->reg] & ~0xff00ull) | (value & 0xff) << 8;
	else
		gpr_write(e, o->reg, o->size, value);
}

/* ---- Memory --------------------------------------------------------------------------------- */

/* One operand in memory: its linear address, and the part of it that is in the first page. */
struct place {
	u64 linear, next;	/* where the two parts are */
	u32 size, first;	/* bytes, first <= size */
};

/* `offset` is added to the address that the operand says. */
static struct place place_of(const struct insn *i, const struct emul *e,
			     const struct insn_operand *o, u64 offset)
{
	bool base_counts = i->mode != INSN_64 || o->segment >= HV_FS;
	u64 wrap = i->mode == INSN_64 ? UINT64_MAX : UINT32_MAX, address = o->value + offset;
	struct place p = { .size = o->size, .first = o->size };

	if (o->base == INSN_RIP)
		address += e->rip + i->length;
	else if (o->base != INSN_NO_REG)
		address += e->gpr[o->base];
	if (o->index != INSN_NO_REG)
		address += e->gpr[o->index] * o->scale;
	address = alu_cut(address, i->address_size);
	p.linear = (address + (base_counts ? e->base[o->segment] : 0)) & wrap;
	if (PAGE - (p.linear & (PAGE - 1)) < p.size)
		p.first = (u32)(PAGE - (p.linear & (PAGE - 1)));
	p.next = (p.linear + p.first) & wrap;
	return p;
}

static int mem_read(struct emul *e, struct place p, u64 *value)
{
	u64 rest = 0;
	int error = e->read(e->ctx, p.linear, p.first, value);

	if (error || p.first == p.size)
		return error;
	error = e->read(e->ctx, p.next, p.size - p.first, &rest);
	*value |= rest << 8 * p.first;
	return error;
}

static int mem_check(struct emul *e, struct place p)
{
	int error = e->check(e->ctx, p.linear, p.first);

	if (error || p.first == p.size)
		return error;
	return e->check(e->ctx, p.next, p.size - p.first);
}

/* After mem_check(). */
static int mem_put(struct emul *e, struct place p, u64 value)
{
	u64 mask = p.first == 8 ? UINT64_MAX : BIT(8 * p.first) - 1;
	int error = e->write(e->ctx, p.linear, p.first, value & mask);

	if (error || p.first == p.size)
		return error;
	return e->write(e->ctx, p.next, p.size - p.first, alu_cut(value, p.size) >> 8 * p.first);
}

/* A write in one page is its own check. */
static int mem_write(struct emul *e, struct place p, u64 value)
{
	int error = p.first == p.size ? 0 : mem_check(e, p);

	return error ? error : mem_put(e, p, value);
}

/* ---- Operands ------------------------------------------------------------------------------- */

static int operand_read(const struct insn *i, struct emul *e, u32 n, u64 *value)
{
	const struct insn_operand *o = &i->operand[n];

	if (o->kind == INSN_MEM)
		return mem_read(e, place_of(i, e, o, 0), value);
	*value = o->kind == INSN_IMM ? o->value : reg_read(e, o);
	return 0;
}

static int operand_write(const struct insn *i, struct emul *e, u32 n, u64 value)
{
	const struct insn_operand *o = &i->operand[n];

	if (o->kind == INSN_MEM)
		return mem_write(e, place_of(i, e, o, 0), value);
	reg_write(e, o, value);
	return 0;
}

/*
 * Operand 0, to be changed: its value, and for memory the place, `offset` behind where it says.
 * `keep`: it is only looked at.
 */
static int change_begin(const struct insn *i, struct emul *e, u64 offset, bool keep,
			struct place *p, u64 *value)
{
	const struct insn_operand *o = &i->operand[0];
	int error;

	if (o->kind != INSN_MEM) {
		*value = reg_read(e, o);
		return 0;
	}
	*p = place_of(i, e, o, offset);
	error = keep ? 0 : mem_check(e, *p);
	return error ? error : mem_read(e, *p, value);
}

static int change_end(const struct insn *i, struct emul *e, const struct place *p, u64 value)
{
	if (i->operand[0].kind == INSN_MEM)
		return mem_put(e, *p, value);
	reg_write(e, &i->operand[0], value);
	return 0;
}

/* ---- One function for each kind of instruction --------------------------------------------- */

static int execute_nop(const struct insn *i, struct emul *e)
{
	return 0;
}

static int execute_mov(const struct insn *i, struct emul *e)
{
	u64 value;
	int error = operand_read(i, e, 1, &value);

	if (error)
		return error;
	if (i->op == INSN_MOVSX || i->op == INSN_MOVSXD)
		value = alu_sign_extend(value, i->operand[1].size);
	return operand_write(i, e, 0, value);
}

static int execute_arithmetic(const struct insn *i, struct emul *e)
{
	bool keep = i->op == INSN_CMP || i->op == INSN_TEST;
	u64 a, b, flags = e->rflags;
	struct place p;
	int error = change_begin(i, e, 0, keep, &p, &a);

	if (!error)
		error = operand_read(i, e, 1, &b);
	if (error)
		return error;
	a = alu_arithmetic(i->op, a, b, i->operand[0].size, &flags);
	if (!keep)
		error = change_end(i, e, &p, a);
	if (!error)
		e->rflags = flags;
	return error;
}

static int execute_xchg(const struct insn *i, struct emul *e)
{
	u64 a, b = reg_read(e, &i->operand[1]);
	struct place p;
	int error = change_begin(i, e, 0, false, &p, &a);

	if (!error)
		error = change_end(i, e, &p, b);
	if (!error)
		reg_write(e, &i->operand[1], a);
	return error;
}

/* A bit's number in a register reaches, with its sign, beyond the operand in memory. */
static int execute_bit(const struct insn *i, struct emul *e)
{
	const struct insn_operand *number = &i->operand[1];
	u64 value, flags = e->rflags, offset = 0;
	u32 bits = i->operand[0].size * 8, bit;
	struct place p;
	int error;

	if (number->kind == INSN_IMM) {
		bit = number->value & (bits - 1);
	} else {
		s64 n = (s64)alu_sign_extend(reg_read(e, number), number->size);

		bit = (u32)n & (bits - 1);
		offset = (u64)((n - bit) / 8);
	}
	error = change_begin(i, e, offset, i->op == INSN_BT, &p, &value);
	if (error)
		return error;
	value = alu_bit(i->op, value, bit, &flags);
	if (i->op != INSN_BT)
		error = change_end(i, e, &p, value);
	if (!error)
		e->rflags = flags;
	return error;
}

/* IN and OUT, and those of INS and OUTS. The port is DX or one byte. */
static int port_in(const struct insn *i, struct emul *e, u64 *value)
{
	u64 port;

	operand_read(i, e, 1, &port);
	return e->in(e->ctx, (u16)port, i->operand[0].size, value);
}

static int port_out(const struct insn *i, struct emul *e, u64 value)
{
	u64 port;

	operand_read(i, e, 0, &port);
	return e->out(e->ctx, (u16)port, i->operand[1].size, value);
}

static int execute_port(const struct insn *i, struct emul *e)
{
	u64 value = 0;
	int error;

	if (i->op == INSN_OUT)
		return port_out(i, e, reg_read(e, &i->operand[1]));
	error = port_in(i, e, &value);
	return error ? error : operand_write(i, e, 0, value);
}

/* ---- Strings -------------------------------------------------------------------------------- */

/* An element; each of them is read from operand 1 and written to operand 0. */
static int string_move(const struct insn *i, struct emul *e)
{
	u64 value = 0;
	int error;

	if (i->op == INSN_INS) {
		struct place p = place_of(i, e, &i->operand[0], 0);

		error = mem_check(e, p);
		if (!error)
			error = port_in(i, e, &value);
		return error ? error : mem_put(e, p, value);
	}
	error = operand_read(i, e, 1, &value);
	if (error)
		return error;
	return i->op == INSN_OUTS ? port_out(i, e, value) : operand_write(i, e, 0, value);
}

/* RSI and RDI go to the next element. */
static void string_advance(const struct insn *i, struct emul *e)
{
	for (u32 n = 0; n < INSN_OPERANDS; n++) {
		const struct insn_operand *o = &i->operand[n];
		u64 step = e->rflags & RFLAGS_DF ? -(u64)o->size : o->size;

		if (o->kind == INSN_MEM)
			gpr_write(e, o->base, i->address_size, e->gpr[o->base] + step);
	}
}

/* REPNE is a REP for those that do not compare. */
static int execute_string(const struct insn *i, struct emul *e)
{
	bool rep = i->prefixes & (INSN_REP | INSN_REPNE);
	u32 batch = e->rflags & RFLAGS_TF ? 1 : EMUL_BATCH;

	for (u32 n = 0; n < batch; n++) {
		u64 left = alu_cut(e->gpr[HV_RCX], i->address_size);
		int error;

		if (rep && !left)
			break;
		error = string_move(i, e);
		if (error)
			return error;
		string_advance(i, e);
		if (!rep)
			break;
		gpr_write(e, HV_RCX, i->address_size, left - 1);
	}
	return 0;
}

/* ---- All together --------------------------------------------------------------------------- */

int insn_execute(const struct insn *i, struct emul *e)
{
	static int (*const execute[])(const struct insn *, struct emul *) = {
#define execute_none NULL
#define INSN_OP(op, name, execute) execute_##execute,
#include "emul/insn.def"
	};
	bool strings = execute[i->op] == execute_string;
	int error = execute[i->op] ? execute[i->op](i, e) : -ENOSYS;

	if (error)
		return error;
	if (strings && i->prefixes & (INSN_REP | INSN_REPNE) &&
	    alu_cut(e->gpr[HV_RCX], i->address_size))
		return 0;		/* the guest does the rest when it runs again */
	e->rip += i->length;
	if (i->mode != INSN_64)
		e->rip &= UINT32_MAX;
	return 0;
}
