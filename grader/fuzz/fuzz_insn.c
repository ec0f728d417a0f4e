/*
 * fuzz: Decodes any bytes in any mode, and executes what comes out, with memory of which some pages
 *       can't be read or written. An instruction ends where it ends, whatever is behind it, and its
 *       operands are in range; what fails has changed nothing.
 * covers: emul/insn.c emul/alu.c emul/execute.c
 * size: 96
 */
#include "emul/execute.h"
#include "fuzz.h"
#include "lib/errno.h"
#include "x86/regs.h"

#define FAULT	1000		/* and the number of the call, so that it is recognised */

/* What has been called. */
struct world {
	const struct insn *insn;
	u8 denied;		/* two bits, readable and writable, of four kinds of pages */
	u32 calls, writes;
	int fault;		/* what was returned last */
};

static bool is_string(const struct insn *i)
{
	return i->op >= INSN_MOVS && i->op <= INSN_OUTS;
}

/* ---- What insn_execute() calls --------------------------------------------------------------- */

static int access(struct world *w, u64 linear, u32 size, u32 denied)
{
	w->calls++;
	MUST(!w->fault);
	MUST(size >= 1 && size <= 8 && linear / 4096 == (linear + size - 1) / 4096);
	MUST(w->insn->mode == INSN_64 || linear <= UINT32_MAX);
	if (w->denied >> 2 * (linear / 4096 % 4) & denied)
		w->fault = FAULT + (int)w->calls;
	return w->fault;
}

static int read_memory(void *ctx, u64 linear, u32 size, u64 *value)
{
	struct world *w = ctx;

	MUST(is_string(w->insn) || !w->writes);
	*value = linear * 0x9e3779b97f4a7c15 >> (64 - 8 * size);
	return access(w, linear, size, 1);
}

static int write_memory(void *ctx, u64 linear, u32 size, u64 value)
{
	struct world *w = ctx;

	MUST(size == 8 || value < BIT(8 * size));
	if (access(w, linear, size, 2))
		return w->fault;
	w->writes++;
	return 0;
}

static int check_memory(void *ctx, u64 linear, u32 size)
{
	return access(ctx, linear, size, 2);
}

static int use_port(struct world *w, u32 size)
{
	w->calls++;
	MUST(!w->fault && (size == 1 || size == 2 || size == 4));
	if (w->denied == 0xff)
		w->fault = FAULT + (int)w->calls;
	return w->fault;
}

static int read_port(void *ctx, u16 port, u32 size, u64 *value)
{
	*value = port & (BIT(8 * size) - 1);
	return use_port(ctx, size);
}

static int write_port(void *ctx, u16 port, u32 size, u64 value)
{
	MUST(value < BIT(8 * size));
	return use_port(ctx, size);
}

/* ---- Checks --------------------------------------------------------------------------------- */

static void check_operand(const struct insn *i, const struct insn_operand *o)
{
	MUST(o->size == 1 || o->size == 2 || o->size == 4 || o->size == 8);
	switch (o->kind) {
	case INSN_REG: MUST(o->reg < (i->mode == INSN_64 ? HV_GPRS : HV_R8)); break;
	case INSN_HIGH_BYTE: MUST(o->reg <= HV_RBX && o->size == 1 && !i->rex); break;
	case INSN_SEG: MUST(o->reg <= HV_GS); break;
	case INSN_CR: MUST(o->reg <= 8); break;
	case INSN_DR: MUST(o->reg <= 7); break;
	case INSN_IMM: MUST(o->size == 8 || o->value < BIT(8 * o->size)); break;
	default:
		MUST(o->kind == INSN_MEM && o->segment <= HV_GS);
		MUST(o->base < HV_GPRS || o->base == INSN_NO_REG || o->base == INSN_RIP);
		MUST(o->index < HV_GPRS || o->index == INSN_NO_REG);
		MUST(o->scale && o->scale <= 8 && !(o->scale & (o->scale - 1)));
	}
}

static void check_length(const struct insn *i, const u8 *bytes, enum insn_mode mode)
{
	u8 other[INSN_MAX_LENGTH + 1];
	struct insn again;

	MUST(i->length && i->length <= INSN_MAX_LENGTH);
	for (u32 n = 0; n < i->length; n++)
		MUST(insn_decode(&again, bytes, n, mode) == -EAGAIN);
	memset(other, 0xcc, sizeof(other));
	memcpy(other, bytes, i->length);
	MUST(!insn_decode(&again, other, sizeof(other), mode));
	MUST(!memcmp(i, &again, sizeof(again)));
}

static void execute(const struct insn *i, struct input *in)
{
	struct world w = { .insn = i, .denied = (u8)input_take(in, 1) };
	struct emul e = { .ctx = &w, .read = read_memory, .write = write_memory,
			  .check = check_memory, .in = read_port, .out = write_port }, before;
	int result;

	e.rip = input_take(in, 8);
	e.rflags = input_take(in, 2) | RFLAGS_FIXED;
	e.base[HV_FS] = e.base[HV_DS] = input_take(in, 8);
	for (u32 n = 0; n < HV_GPRS; n++)
		e.gpr[n] = input_take(in, n < HV_R8 ? 8 : 2);
	before = e;
	result = insn_execute(i, &e);
	MUST(result == w.fault || (result == -ENOSYS && !w.calls));
	MUST(w.calls <= (is_string(i) ? EMUL_BATCH * 6 : 6));
	if (!result)
		return;
	MUST(e.rip == before.rip && e.rflags == before.rflags);
	if (!is_string(i))
		MUST(!w.writes && !memcmp(&e, &before, sizeof(e)));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, data + size };
	enum insn_mode mode = input_below(&in, INSN_MODES);
	u32 left = (u32)(in.end - in.at);
	struct insn i;
	int result = insn_decode(&i, in.at, left, mode);

	if (result) {
		MUST(result == -EINVAL || result == -ENOSYS ||
		     (result == -EAGAIN && left < INSN_MAX_LENGTH));
		return 0;
	}
	MUST(i.length <= left && i.op < INSN_OPS && i.mode == mode);
	check_length(&i, in.at, mode);
	for (u32 n = 0; n < INSN_OPERANDS && i.operand[n].kind; n++)
		check_operand(&i, &i.operand[n]);
	in.at += i.length;
	execute(&i, &in);
	return 0;
}
