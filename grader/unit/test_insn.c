/* emul/insn.c: known encodings in each mode, and what is refused. */
#include "emul/insn.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "unit.h"

/* ---- An instruction as text ----------------------------------------------------------------- */

static char text[128];

__printf(1, 2) static void add(const char *format, ...)
{
	size_t n = strlen(text);
	va_list args;

	va_start(args, format);
	vsnprintf(text + n, sizeof(text) - n, format, args);
	va_end(args);
}

static void add_reg(u8 reg, u8 size)
{
	static const char name[8][3] = { "ax", "cx", "dx", "bx", "sp", "bp", "si", "di" };
	static const char *const suffix[9] = { [1] = "b", [2] = "w", [4] = "d", [8] = "" };

	if (reg >= HV_R8)
		add("r%u%s", reg, suffix[size]);
	else if (size == 1 && reg < HV_RSP)
		add("%cl", name[reg][0]);
	else
		add("%s%s%s", size == 8 ? "r" : size == 4 ? "e" : "", name[reg],
		    size == 1 ? "l" : "");
}

static void add_operand(const struct insn *i, const struct insn_operand *o)
{
	static const char segment[6][3] = { "es", "cs", "ss", "ds", "fs", "gs" };

	switch (o->kind) {
	case INSN_REG: add_reg(o->reg, o->size); return;
	case INSN_HIGH_BYTE: add("%ch", "acdb"[o->reg]); return;
	case INSN_SEG: add("%s", segment[o->reg]); return;
	case INSN_CR: add("cr%u", o->reg); return;
	case INSN_DR: add("dr%u", o->reg); return;
	case INSN_IMM: add("%llx", (unsigned long long)o->value); return;
	default: break;
	}
	add("%u[%s:", o->size, segment[o->segment]);
	if (o->base == INSN_RIP)
		add("rip");
	else if (o->base != INSN_NO_REG)
		add_reg(o->base, i->address_size);
	if (o->index != INSN_NO_REG) {
		add("+");
		add_reg(o->index, i->address_size);
		add("*%u", o->scale);
	}
	add("+%llx]", (unsigned long long)o->value);
}

/* "mov eax 4[ds:ebx+ecx*4+10] #5": its length is at the end. */
static void write_text(const struct insn *i)
{
	text[0] = '\0';
	add("%s", i->prefixes & INSN_LOCK ? "lock " : "");
	add("%s", i->prefixes & INSN_REP ? "rep " : i->prefixes & INSN_REPNE ? "repne " : "");
	add("%s", insn_name(i->op));
	for (u32 n = 0; n < INSN_OPERANDS && i->operand[n].kind; n++) {
		add(" ");
		add_operand(i, &i->operand[n]);
	}
	add(" #%u", i->length);
}

/* Bytes in a string constant, without the 0 behind it. */
#define BYTES(string) (const u8 *)(string), sizeof(string) - 1

static void is(enum insn_mode mode, const u8 *bytes, u32 size, const char *expected)
{
	struct insn i;
	int error;

	for (u32 n = 0; n < size; n++)
		CHECK(insn_decode(&i, bytes, n, mode) == -EAGAIN);
	error = insn_decode(&i, bytes, size, mode);
	CHECK(!error);
	if (error)
		return;
	write_text(&i);
	CHECK_TEXT(text, expected);
}

static void fails(enum insn_mode mode, const u8 *bytes, u32 size, int expected)
{
	struct insn i;
	int error = insn_decode(&i, bytes, size, mode);

	if (error != expected)
		printf("%02x %02x %02x ...: expected %d, seen %d\n", bytes[0], bytes[1], bytes[2],
		       expected, error);
	CHECK(error == expected);
}

/* ---- What is known -------------------------------------------------------------------------- */

static void addresses_64(void)
{
	is(INSN_64, BYTES("\x8b\x03"), "mov eax 4[ds:rbx+0] #2");
	is(INSN_64, BYTES("\x8b\x43\xff"), "mov eax 4[ds:rbx+ffffffffffffffff] #3");
	is(INSN_64, BYTES("\x8b\x83\x00\x00\x00\x80"), "mov eax 4[ds:rbx+ffffffff80000000] #6");
	is(INSN_64, BYTES("\x8b\x05\x78\x56\x34\x12"), "mov eax 4[ds:rip+12345678] #6");
	is(INSN_64, BYTES("\x67\x8b\x05\x00\x00\x00\x00"), "mov eax 4[ds:rip+0] #7");
	is(INSN_64, BYTES("\x8b\x04\x25\x00\x00\xe0\xfe"), "mov eax 4[ds:+fffffffffee00000] #7");
	is(INSN_64, BYTES("\x8b\x04\x24"), "mov eax 4[ss:rsp+0] #3");
	is(INSN_64, BYTES("\x8b\x45\x00"), "mov eax 4[ss:rbp+0] #3");
	is(INSN_64, BYTES("\x41\x8b\x45\x00"), "mov eax 4[ds:r13+0] #4");
	is(INSN_64, BYTES("\x41\x8b\x04\x24"), "mov eax 4[ds:r12+0] #4");
	is(INSN_64, BYTES("\x4a\x8b\x04\xe3"), "mov rax 8[ds:rbx+r12*8+0] #4");
	is(INSN_64, BYTES("\x67\x8b\x44\x8b\x10"), "mov eax 4[ds:ebx+ecx*4+10] #5");
	is(INSN_64, BYTES("\x65\x8b\x03"), "mov eax 4[gs:rbx+0] #3");
	is(INSN_64, BYTES("\x65\x2e\x8b\x03"), "mov eax 4[gs:rbx+0] #4");
	is(INSN_64, BYTES("\x36\x8b\x03"), "mov eax 4[ds:rbx+0] #3");
	is(INSN_64, BYTES("\xa1\x88\x77\x66\x55\x44\x33\x22\x11"),
	   "mov eax 4[ds:+1122334455667788] #9");
	is(INSN_64, BYTES("\x67\xa1\x44\x33\x22\x11"), "mov eax 4[ds:+11223344] #6");
}

static void addresses_16(void)
{
	is(INSN_16, BYTES("\x8b\x00"), "mov ax 2[ds:bx+si*1+0] #2");
	is(INSN_16, BYTES("\x8b\x43\xfe"), "mov ax 2[ss:bp+di*1+fffffffffffffffe] #3");
	is(INSN_16, BYTES("\x8b\x46\x00"), "mov ax 2[ss:bp+0] #3");
	is(INSN_16, BYTES("\x8b\x06\x34\x12"), "mov ax 2[ds:+1234] #4");
	is(INSN_16, BYTES("\x26\x8b\x87\x34\x12"), "mov ax 2[es:bx+1234] #5");
	is(INSN_16, BYTES("\x67\x8b\x04\x24"), "mov ax 2[ss:esp+0] #4");
	is(INSN_16, BYTES("\xa0\x34\x12"), "mov al 1[ds:+1234] #3");
	is(INSN_32, BYTES("\x67\x8b\x07"), "mov eax 4[ds:bx+0] #3");
	is(INSN_32, BYTES("\x8b\x05\x78\x56\x34\x12"), "mov eax 4[ds:+12345678] #6");
}

static void sizes(void)
{
	is(INSN_16, BYTES("\x89\xd8"), "mov ax bx #2");
	is(INSN_16, BYTES("\x66\x89\xd8"), "mov eax ebx #3");
	is(INSN_32, BYTES("\x66\x89\xd8"), "mov ax bx #3");
	is(INSN_64, BYTES("\x48\x89\xd8"), "mov rax rbx #3");
	is(INSN_64, BYTES("\x66\x48\x89\xd8"), "mov rax rbx #4");	/* REX.W wins */
	is(INSN_64, BYTES("\x48\x66\x89\xd8"), "mov ax bx #4");		/* REX is not last */
	is(INSN_64, BYTES("\x88\xe0"), "mov al ah #2");
	is(INSN_64, BYTES("\x40\x88\xe0"), "mov al spl #3");
	is(INSN_64, BYTES("\x45\x88\xe0"), "mov r8b r12b #3");
	is(INSN_64, BYTES("\x48\xb8\x88\x77\x66\x55\x44\x33\x22\x11"),
	   "mov rax 1122334455667788 #10");
	is(INSN_64, BYTES("\x48\xc7\xc0\xfe\xff\xff\xff"), "mov rax fffffffffffffffe #7");
	is(INSN_64, BYTES("\x66\x83\xc8\x80"), "or ax ff80 #4");
	is(INSN_32, BYTES("\x82\xf8\x80"), "cmp al 80 #3");
	is(INSN_64, BYTES("\x48\x63\xc1"), "movsxd rax ecx #3");
	is(INSN_64, BYTES("\x48\x0f\xbe\x01"), "movsx rax 1[ds:rcx+0] #4");
	is(INSN_64, BYTES("\x0f\xb7\x01"), "movzx eax 2[ds:rcx+0] #3");
	is(INSN_32, BYTES("\xf6\xc4\x01"), "test ah 1 #3");
	is(INSN_32, BYTES("\xf6\xcc\x01"), "test ah 1 #3");
}

static void others(void)
{
	is(INSN_64, BYTES("\xf3\xa4"), "rep movs 1[es:rdi+0] 1[ds:rsi+0] #2");
	is(INSN_64, BYTES("\xf3\x64\x48\xa5"), "rep movs 8[es:rdi+0] 8[fs:rsi+0] #4");
	is(INSN_16, BYTES("\xf3\x66\x67\xab"), "rep stos 4[es:edi+0] eax #4");
	is(INSN_32, BYTES("\xf2\x66\x6f"), "repne outs dx 2[ds:esi+0] #3");
	is(INSN_64, BYTES("\x48\xed"), "in eax dx #2");
	is(INSN_16, BYTES("\xe6\x80"), "out 80 al #2");
	is(INSN_64, BYTES("\xf0\x0f\xba\x28\x3f"), "lock bts 4[ds:rax+0] 3f #5");
	is(INSN_64, BYTES("\x87\x03"), "xchg 4[ds:rbx+0] eax #2");
	is(INSN_64, BYTES("\x90"), "nop #1");
	is(INSN_64, BYTES("\x41\x90"), "xchg r8d eax #2");
	is(INSN_64, BYTES("\xf3\x90"), "rep pause #2");
	is(INSN_64, BYTES("\x44\x0f\x22\xc7"), "mov cr8 rdi #4");
	is(INSN_32, BYTES("\x0f\x20\x18"), "mov eax cr3 #3");		/* mod is not looked at */
	is(INSN_64, BYTES("\x41\x0f\x23\xf8"), "mov dr7 r8 #4");
	is(INSN_16, BYTES("\x0f\x01\xf0"), "lmsw ax #3");
	is(INSN_64, BYTES("\x0f\x01\x38"), "invlpg 1[ds:rax+0] #3");
	is(INSN_64, BYTES("\x0f\x01\xd9"), "vmmcall #3");
	is(INSN_64, BYTES("\x0f\x01\xc1"), "vmcall #3");
	is(INSN_64, BYTES("\x0f\x01\xd1"), "xsetbv #3");
	is(INSN_64, BYTES("\x0f\x01\xf9"), "rdtscp #3");
	is(INSN_64, BYTES("\x66\x0f\xa2"), "cpuid #3");
	is(INSN_16, BYTES("\xf4"), "hlt #1");
	is(INSN_64, BYTES("\x0f\x09"), "wbinvd #2");
	is(INSN_32, BYTES("\x8c\xd8"), "mov eax ds #2");
	is(INSN_32, BYTES("\x8e\x1b"), "mov ds 2[ds:ebx+0] #2");
}

/* ---- What is not ---------------------------------------------------------------------------- */

static void refused(void)
{
	fails(INSN_64, BYTES("\xc3"), -ENOSYS);				/* RET */
	fails(INSN_64, BYTES("\x11\x03"), -ENOSYS);			/* ADC */
	fails(INSN_64, BYTES("\x0f\x38\xf0\x00"), -ENOSYS);		/* MOVBE */
	fails(INSN_64, BYTES("\xc5\xf8\x28\xc1"), -ENOSYS);		/* VEX */
	fails(INSN_64, BYTES("\x0f\x01\xf8"), -ENOSYS);			/* SWAPGS */
	fails(INSN_64, BYTES("\xf3\x0f\x01\xd1"), -ENOSYS);
	fails(INSN_32, BYTES("\x63\xc1"), -ENOSYS);			/* ARPL */
	fails(INSN_64, BYTES("\x82\xf8\x80"), -ENOSYS);
	fails(INSN_64, BYTES("\xc6\xf8\x00"), -ENOSYS);			/* XABORT */
	fails(INSN_64, BYTES("\xf0\x8b\x03"), -EINVAL);			/* LOCK MOV */
	fails(INSN_64, BYTES("\xf0\x01\xd8"), -EINVAL);			/* LOCK, no memory */
	fails(INSN_64, BYTES("\xf0\x39\x03"), -EINVAL);			/* LOCK CMP */
	fails(INSN_64, BYTES("\xf0\x03\x03"), -EINVAL);			/* memory is not written */
	fails(INSN_64, BYTES("\xf0\x0f\xa3\x03"), -EINVAL);		/* LOCK BT */
	fails(INSN_64, BYTES("\xf0\xf4"), -EINVAL);
	fails(INSN_64, BYTES("\x0f\x22\xc8"), -EINVAL);			/* CR1 */
	fails(INSN_64, BYTES("\x44\x0f\x20\xc8"), -EINVAL);		/* CR9 */
	fails(INSN_64, BYTES("\x44\x0f\x21\xc0"), -EINVAL);		/* DR8 */
	fails(INSN_64, BYTES("\x8e\xc8"), -EINVAL);			/* CS */
	fails(INSN_64, BYTES("\x8c\xf0"), -EINVAL);			/* the seventh segment */
}

static void length(void)
{
	static const u8 longest[] = "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x89\xd8";
	u8 bytes[32];
	struct insn i;

	is(INSN_64, longest, 15, "mov ax bx #15");
	bytes[0] = 0x2e;
	memcpy(bytes + 1, longest, 15);
	for (u32 size = 0; size < INSN_MAX_LENGTH; size++)
		CHECK(insn_decode(&i, bytes, size, INSN_64) == -EAGAIN);
	CHECK(insn_decode(&i, bytes, INSN_MAX_LENGTH, INSN_64) == -EINVAL);
	CHECK(insn_decode(&i, bytes, INSN_MAX_LENGTH + 1, INSN_64) == -EINVAL);
	memset(bytes, 0x66, sizeof(bytes));
	CHECK(insn_decode(&i, bytes, sizeof(bytes), INSN_64) == -EINVAL);
}

int main(void)
{
	addresses_64();
	addresses_16();
	sizes();
	others();
	refused();
	length();
	return UNIT_END();
}
