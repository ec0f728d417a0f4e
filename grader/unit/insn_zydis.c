/*
 * The decoder beside Zydis, which is written by others and knows all of x86.
 *
 *   insn_zydis N            random encodings, until both agree N times on each row and operand size
 *                           of emul/insn.def; prints how often, by mode. Then random bytes.
 *   insn_zydis text FILE 32 the machine code in a file, of 16-, 32- or 64-bit mode: is there an
 *                           instruction that we should know and don't?
 */
#include <stdlib.h>

#include <Zydis/Zydis.h>

#include "lib/errno.h"
#include "lib/printf.h"
#include "insn_rows.h"

#define ROOM (2 * INSN_MAX_LENGTH)
#define REPEATS (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE)

static ZydisDecoder decoder[INSN_MODES];

struct other {
	ZydisDecodedInstruction insn;
	ZydisDecodedOperand operand[ZYDIS_MAX_OPERAND_COUNT];
};

/* ---- Is it the same? ------------------------------------------------------------------------ */

/* Its names have the size of a string's elements at the end: MOVSB. MOVSD is one of SSE, too. */
static bool same_name(enum insn_op op, const ZydisDecodedInstruction *z)
{
	const char *name = ZydisMnemonicGetString(z->mnemonic), *ours = insn_name(op);
	size_t n = strlen(ours);

	if (z->meta.category == ZYDIS_CATEGORY_STRINGOP ||
	    z->meta.category == ZYDIS_CATEGORY_IOSTRINGOP)
		return !strncmp(name, ours, n) && strlen(name) == n + 1;
	return !strcmp(name, ours);
}

/*
 * Where Zydis 4.0 is wrong, as a CPU shows: XCHG of R8 with rAX is no PAUSE after F3; and
 * a SIB byte that says "no base" means it with REX.B and 32-bit addresses, too.
 */
static bool zydis_is_wrong(const struct insn *i, const struct other *z)
{
	const struct insn_operand *m = &i->operand[i->operand[0].kind != INSN_MEM];

	if (z->insn.mnemonic == ZYDIS_MNEMONIC_PAUSE)
		return i->op == INSN_XCHG && i->rex & 0x01;
	return i->mode == INSN_64 && i->address_size == 4 && i->rex & 0x01 &&
	       m->kind == INSN_MEM && m->base == INSN_NO_REG;
}

static u8 gpr_of(ZydisRegister reg)
{
	if (reg == ZYDIS_REGISTER_NONE)
		return INSN_NO_REG;
	if (ZydisRegisterGetClass(reg) == ZYDIS_REGCLASS_IP)
		return INSN_RIP;
	return (u8)ZydisRegisterGetId(reg);
}

static bool same_reg(const struct insn_operand *o, ZydisRegister reg)
{
	ZydisRegisterClass class = ZydisRegisterGetClass(reg);

	if (o->kind == INSN_HIGH_BYTE)
		return reg == (ZydisRegister)(ZYDIS_REGISTER_AH + o->reg);
	if (o->size == 1)
		return reg == (ZydisRegister)(o->reg < 4 ? ZYDIS_REGISTER_AL + o->reg :
							   ZYDIS_REGISTER_SPL + o->reg - 4);
	if (o->reg != ZydisRegisterGetId(reg))
		return false;
	switch (o->kind) {
	case INSN_SEG: return class == ZYDIS_REGCLASS_SEGMENT;
	case INSN_CR: return class == ZYDIS_REGCLASS_CONTROL;
	case INSN_DR: return class == ZYDIS_REGCLASS_DEBUG;
	default: break;
	}
	switch (o->size) {
	case 2: return class == ZYDIS_REGCLASS_GPR16;
	case 4: return class == ZYDIS_REGCLASS_GPR32;
	default: return class == ZYDIS_REGCLASS_GPR64;
	}
}

static u64 cut(u64 value, u32 size)
{
	return size == 8 ? value : value & (BIT(8 * size) - 1);
}

static bool same_mem(const struct insn *i, const struct insn_operand *o,
		     const ZydisDecodedOperandMem *m)
{
	u8 index = gpr_of(m->index);

	if (o->base != gpr_of(m->base) || o->index != index)
		return false;
	if (o->segment != ZydisRegisterGetId(m->segment))
		return false;
	if (index != INSN_NO_REG && o->scale != m->scale)
		return false;
	return cut(o->value ^ (u64)m->disp.value, i->address_size) == 0;
}

static const char *operand_difference(const struct insn *i, const struct insn_operand *o,
				      const ZydisDecodedOperand *z)
{
	switch (z->type) {
	case ZYDIS_OPERAND_TYPE_REGISTER:
		if (o->kind < INSN_REG || o->kind > INSN_DR || !same_reg(o, z->reg.value))
			return "register";
		break;
	case ZYDIS_OPERAND_TYPE_MEMORY:
		if (o->kind != INSN_MEM || !same_mem(i, o, &z->mem))
			return "address";
		if (i->op != INSN_INVLPG && o->size * 8 != z->size)
			return "size of memory";
		break;
	case ZYDIS_OPERAND_TYPE_IMMEDIATE:
		if (o->kind != INSN_IMM || cut(o->value ^ z->imm.value.u, o->size))
			return "immediate";
		break;
	default:
		return "kind of operand";
	}
	return NULL;
}

static const char *difference(const struct insn *i, const struct other *z)
{
	if (i->length != z->insn.length)
		return "length";
	if (zydis_is_wrong(i, z))
		return NULL;
	if (!same_name(i->op, &z->insn))
		return "name";
	if (i->address_size * 8 != z->insn.address_width)
		return "address size";
	if (!(i->prefixes & INSN_LOCK) != !(z->insn.attributes & ZYDIS_ATTRIB_HAS_LOCK))
		return "LOCK";
	if (i->op >= INSN_MOVS && i->op <= INSN_OUTS &&
	    !(i->prefixes & (INSN_REP | INSN_REPNE)) != !(z->insn.attributes & REPEATS))
		return "REP";
	for (u32 n = 0; n < INSN_OPERANDS; n++) {
		const char *what;

		if (i->operand[n].kind == INSN_NONE)
			break;
		what = operand_difference(i, &i->operand[n], &z->operand[n]);
		if (what)
			return what;
	}
	return NULL;
}

/* ---- Both decode ---------------------------------------------------------------------------- */

static u32 failures;

static void complain(const char *what, const u8 *bytes, enum insn_mode mode, int ours,
		     const struct other *z)
{
	if (failures++ >= 20)
		return;
	printf("%u-bit:", 16u << mode);
	for (u32 n = 0; n < INSN_MAX_LENGTH + 1; n++)
		printf(" %02x", bytes[n]);
	printf(": %s: we say %d, Zydis %s\n", what, ours,
	       z ? ZydisMnemonicGetString(z->insn.mnemonic) : "no");
}

/* Has it one of our names? NOP has longer forms, which are not in the table. */
static bool listed(const struct other *z)
{
	if (z->insn.mnemonic == ZYDIS_MNEMONIC_NOP && z->insn.opcode != 0x90)
		return false;
	for (u8 op = 0; op < INSN_OPS; op++)
		if (same_name(op, &z->insn))
			return true;
	return false;
}

/* @return do both know it, and say the same? */
static bool agree(struct insn *i, const u8 *bytes, u32 size, enum insn_mode mode)
{
	int ours = insn_decode(i, bytes, size, mode);
	struct insn without;
	struct other z;
	bool theirs = ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder[mode], bytes, size, &z.insn,
							  z.operand));
	const char *what;

	if (ours) {
		if (theirs && listed(&z))
			complain("refused", bytes, mode, ours, &z);
		return false;
	}
	what = theirs ? difference(i, &z) : "accepted";
	if (what)
		complain(what, bytes, mode, ours, theirs ? &z : NULL);
	else if (insn_decode(&without, bytes, i->length - 1u, mode) != -EAGAIN)
		complain("without its end", bytes, mode, ours, &z);
	return !what;
}

/* ---- Random encodings ----------------------------------------------------------------------- */

struct count {
	u32 mode[INSN_MODES];
};

static u32 total(const struct count *c)
{
	return c->mode[INSN_16] + c->mode[INSN_32] + c->mode[INSN_64];
}

/* A random encoding of the row; `size` is wanted, other sizes may come. */
static void try_row(const struct insn_row *row, u32 size, struct count count[9])
{
	enum insn_mode mode = size == 8 || row->attributes & ONLY_64 ? INSN_64 : below(INSN_MODES);
	u32 prefixes = below(32) ? below(4) : below(INSN_MAX_LENGTH);
	u8 bytes[ROOM];
	struct insn i;

	row_encode(row, bytes, prefixes, mode == INSN_64 && below(2 + size) > 1, size == 8);
	if (agree(&i, bytes, INSN_MAX_LENGTH + 1, mode) && i.op == row->op &&
	    row_has_size(row, insn_width(&i)))
		count[insn_width(&i)].mode[mode]++;
}

static void print_row(const struct insn_row *row, u32 size, const struct count *c)
{
	static const char *const map[] = { "   ", "0f ", "0f 01 ", "", "f3 " };
	char opcode[16];
	int n = snprintf(opcode, sizeof(opcode), "%s%02x", map[row->map], row->opcode);

	if (row->reg != ANY)
		snprintf(opcode + n, sizeof(opcode) - (size_t)n, " /%u", row->reg);
	printf("%-9s %-8s %4u  %8u %8u %8u  %8u\n", opcode, insn_name(row->op), 8 * size,
	       c->mode[INSN_16], c->mode[INSN_32], c->mode[INSN_64], total(c));
}

static void try_all(u32 wanted)
{
	printf("opcode    name     bits    16-bit   32-bit   64-bit agreements\n");
	for (u32 r = 0; r < ARRAY_SIZE(insn_row); r++) {
		struct count count[9] = { 0 };

		for (u32 size = 0; size <= 8; size += size ? size : 1) {
			u64 tries = 0;

			if (!row_has_size(&insn_row[r], size))
				continue;
			while (total(&count[size]) < wanted && tries++ < 100ull * wanted)
				try_row(&insn_row[r], size, count);
			print_row(&insn_row[r], size, &count[size]);
			if (total(&count[size]) < wanted) {
				printf("not %u agreements\n", wanted);
				failures++;
			}
		}
	}
}

/* Bytes of which we may know nothing. */
static void try_anything(u32 times)
{
	u8 bytes[ROOM];
	u32 known = 0;

	for (u32 n = 0; n < times; n++) {
		struct insn i;

		for (u32 at = 0; at < ROOM; at++)
			bytes[at] = (u8)below(256);
		if (!below(2))
			bytes[below(4)] = 0x0f;
		known += agree(&i, bytes, INSN_MAX_LENGTH + 1, below(INSN_MODES));
	}
	printf("random bytes: %u, of which both know %u\n", times, known);
}

/* ---- Machine code from a file --------------------------------------------------------------- */

static void sweep(const u8 *text, size_t size, enum insn_mode mode)
{
	u32 known = 0, all = 0, by_op[INSN_OPS] = { 0 };
	size_t at = 0;

	while (at < size) {
		u8 bytes[ROOM] = { 0 };
		size_t left = size - at < INSN_MAX_LENGTH ? size - at : INSN_MAX_LENGTH;
		ZydisDecodedInstruction z;
		struct insn i;

		memcpy(bytes, text + at, left);
		if (agree(&i, bytes, (u32)left, mode)) {
			known++;
			by_op[i.op]++;
		}
		all++;
		at += ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder[mode], NULL, bytes, left,
								 &z)) ? z.length : 1;
	}
	for (u8 op = 0; op < INSN_OPS; op++)
		if (by_op[op])
			printf("%-8s %8u\n", insn_name(op), by_op[op]);
	printf("instructions: %u, of which both know %u\n", all, known);
}

static int sweep_file(const char *path, enum insn_mode mode)
{
	size_t size = 64 << 20;
	u8 *text = malloc(size);
	FILE *file = fopen(path, "rb");

	if (!text || !file) {
		perror(path);
		return 2;
	}
	sweep(text, fread(text, 1, size, file), mode);
	fclose(file);
	free(text);
	return failures != 0;
}

int main(int argc, char **argv)
{
	u32 wanted;

	ZydisDecoderInit(&decoder[INSN_16], ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16);
	ZydisDecoderInit(&decoder[INSN_32], ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
	ZydisDecoderInit(&decoder[INSN_64], ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	if (argc == 4)
		return sweep_file(argv[2], atoi(argv[3]) == 16 ? INSN_16 :
					   atoi(argv[3]) == 32 ? INSN_32 : INSN_64);
	wanted = argc == 2 ? (u32)atoi(argv[1]) : 300;
	try_all(wanted);
	try_anything(wanted * 100);
	if (failures)
		printf("%u disagreements\n", failures);
	return failures != 0;
}
