/*
 * fuzz: Decodes any bytes in any mode. An instruction ends where it ends, whatever is behind it,
 *       and its operands are in range.
 * covers: emul/insn.c
 * size: 32
 */
#include "emul/insn.h"
#include "fuzz.h"
#include "lib/errno.h"

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
	return 0;
}
