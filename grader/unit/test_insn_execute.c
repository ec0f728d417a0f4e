/*
 * emul/execute.c and emul/alu.c: what they access and in which order, where they stop, and what is
 * left then. That the results and flags are right, insn_cpu.c asks the CPU.
 */
#include "emul/execute.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "unit.h"
#include "x86/regs.h"

#define PAGE	4096
#define FAULT	77		/* any number that is no errno of ours */

/* ---- A guest -------------------------------------------------------------------------------- */

/* Four pages at address 0; a write to one of `read_only` or an access to `absent` is a FAULT. */
static u8 memory[4 * PAGE];
static u32 read_only, absent;		/* bits */
static char trace[4096];		/* what was called: "r1000/4 " */
static u64 port_value;

static void note(const char *what, u64 at, u32 size)
{
	size_t n = strlen(trace);

	snprintf(trace + n, sizeof(trace) - n, "%s%s%llx/%u", n ? " " : "", what,
		 (unsigned long long)at, size);
}

static bool allowed(u64 linear, u32 size, u32 denied)
{
	CHECK(linear / PAGE == (linear + size - 1) / PAGE && size >= 1 && size <= 8);
	return linear < sizeof(memory) && !(denied >> linear / PAGE & 1);
}

static int read_memory(void *ctx, u64 linear, u32 size, u64 *value)
{
	note("r", linear, size);
	if (!allowed(linear, size, absent))
		return FAULT;
	*value = 0;
	memcpy(value, &memory[linear], size);
	return 0;
}

static int write_memory(void *ctx, u64 linear, u32 size, u64 value)
{
	note("w", linear, size);
	CHECK(size == 8 || value < BIT(8 * size));
	if (!allowed(linear, size, absent | read_only))
		return FAULT;
	memcpy(&memory[linear], &value, size);
	return 0;
}

static int check_memory(void *ctx, u64 linear, u32 size)
{
	note("c", linear, size);
	return allowed(linear, size, absent | read_only) ? 0 : FAULT;
}

static int read_port(void *ctx, u16 port, u32 size, u64 *value)
{
	note("i", port, size);
	*value = port_value;
	return port == 0xdead ? FAULT : 0;
}

static int write_port(void *ctx, u16 port, u32 size, u64 value)
{
	note("o", port, size);
	port_value = value;
	return port == 0xdead ? FAULT : 0;
}

static struct emul fresh(void)
{
	memset(memory, 0, sizeof(memory));
	read_only = absent = 0;
	return (struct emul){ .rip = 0x100, .rflags = RFLAGS_FIXED, .read = read_memory,
			      .write = write_memory, .check = check_memory, .in = read_port,
			      .out = write_port };
}

static int run(struct emul *e, enum insn_mode mode, const char *bytes, u32 size)
{
	struct insn i;

	trace[0] = '\0';
	CHECK(!insn_decode(&i, (const u8 *)bytes, size, mode) && i.length == size);
	return insn_execute(&i, e);
}

#define RUN(e, mode, string) run(e, mode, string, sizeof(string) - 1)

static u64 word(u32 at, u32 size)
{
	u64 value = 0;

	memcpy(&value, &memory[at], size);
	return value;
}

/* ---- Addresses ------------------------------------------------------------------------------ */

static void wraps(void)
{
	struct emul e = fresh();

	e.gpr[HV_RBX] = 0xfff0;
	e.gpr[HV_RSI] = 0x1020;
	e.base[HV_DS] = 0x2000;
	CHECK(!RUN(&e, INSN_16, "\x8a\x00"));			/* [bx+si] */
	CHECK_TEXT(trace, "r3010/1");
	e.gpr[HV_RBX] = 0xfffffffffffffff0;
	CHECK(!RUN(&e, INSN_32, "\x8a\x43\x20"));		/* [ebx+20] */
	CHECK_TEXT(trace, "r2010/1");
	e.base[HV_DS] = 0xffffff00;				/* the sum wraps, too */
	CHECK(!RUN(&e, INSN_32, "\x8a\x83\x10\x10\x00\x00"));
	CHECK_TEXT(trace, "rf00/1");
	CHECK(!RUN(&e, INSN_64, "\x8a\x43\x20"));		/* no base in 64-bit code */
	CHECK_TEXT(trace, "r10/1");
	e.base[HV_GS] = 0x1000;
	CHECK(!RUN(&e, INSN_64, "\x65\x8a\x43\x20"));
	CHECK_TEXT(trace, "r1010/1");
	e.gpr[HV_RBX] = 0xf00000000fff;
	CHECK(!RUN(&e, INSN_64, "\x67\x8a\x03"));
	CHECK_TEXT(trace, "rfff/1");
	e.rip = 0x200;
	CHECK(!RUN(&e, INSN_64, "\x8b\x05\xfa\x00\x00\x00"));	/* [rip+fa] */
	CHECK_TEXT(trace, "r300/4");
	CHECK(e.rip == 0x206);
	e.rip = 0xffffffff;
	CHECK(!RUN(&e, INSN_32, "\x90"));
	CHECK(e.rip == 0);
}

static void two_pages(void)
{
	struct emul e = fresh();

	e.gpr[HV_RBX] = 0xffd;
	e.gpr[HV_RAX] = 0x1122334455667788;
	CHECK(!RUN(&e, INSN_64, "\x48\x89\x03"));
	CHECK_TEXT(trace, "cffd/3 c1000/5 wffd/3 w1000/5");
	CHECK(word(0xffd, 8) == 0x1122334455667788);
	CHECK(!RUN(&e, INSN_64, "\x48\x8b\x0b"));
	CHECK_TEXT(trace, "rffd/3 r1000/5");
	CHECK(e.gpr[HV_RCX] == 0x1122334455667788);
	read_only = 0x2;
	CHECK(RUN(&e, INSN_64, "\x48\xc7\x03\x00\x00\x00\x00") == FAULT);
	CHECK_TEXT(trace, "cffd/3 c1000/5");		/* the first page neither */
	CHECK(word(0xffd, 8) == 0x1122334455667788 && e.rip == 0x106);
	absent = 0x2;
	CHECK(RUN(&e, INSN_64, "\x48\x8b\x0b") == FAULT && e.gpr[HV_RCX] == 0x1122334455667788);
	CHECK(!RUN(&e, INSN_64, "\x66\x89\x03"));		/* up to its end */
	CHECK_TEXT(trace, "wffd/2");
}

/* ---- Order, and what a fault leaves --------------------------------------------------------- */

static void read_modify_write(void)
{
	struct emul e = fresh();

	e.gpr[HV_RBX] = 0x1000;
	e.gpr[HV_RAX] = 1;
	memory[0x1000] = 0xff;
	CHECK(!RUN(&e, INSN_64, "\xf0\x00\x03"));		/* lock add [rbx], al */
	CHECK_TEXT(trace, "c1000/1 r1000/1 w1000/1");
	CHECK(memory[0x1000] == 0);
	CHECK(e.rflags == (RFLAGS_FIXED | RFLAGS_CF | RFLAGS_ZF | RFLAGS_AF | RFLAGS_PF));
	CHECK(!RUN(&e, INSN_64, "\x38\x03"));			/* cmp [rbx], al */
	CHECK_TEXT(trace, "r1000/1");
	CHECK(!RUN(&e, INSN_64, "\x02\x03"));			/* add al, [rbx] */
	CHECK_TEXT(trace, "r1000/1");
	e.gpr[HV_RBX] = 0xfff;
	CHECK(!RUN(&e, INSN_64, "\x09\x03"));			/* or [rbx], eax */
	CHECK_TEXT(trace, "cfff/1 c1000/3 rfff/1 r1000/3 wfff/1 w1000/3");
	e.gpr[HV_RBX] = 0x1000;
	read_only = 0x2;
	e.rflags = RFLAGS_FIXED;
	CHECK(RUN(&e, INSN_64, "\x28\x03") == FAULT);		/* a device is not even read */
	CHECK_TEXT(trace, "c1000/1");
	CHECK(RUN(&e, INSN_64, "\x87\x03") == FAULT);
	CHECK_TEXT(trace, "c1000/4");
	CHECK(RUN(&e, INSN_64, "\x0f\xab\x03") == FAULT);
	CHECK_TEXT(trace, "c1000/4");
	CHECK(!RUN(&e, INSN_64, "\x0f\xa3\x03"));		/* bt */
	CHECK_TEXT(trace, "r1000/4");
	CHECK(e.rflags == RFLAGS_FIXED && e.gpr[HV_RAX] == 1);
}

static void exchange(void)
{
	struct emul e = fresh();

	e.gpr[HV_RBX] = 0x1000;
	memory[0x1001] = 0x12;
	CHECK(!RUN(&e, INSN_64, "\x66\x87\x1b"));		/* xchg [rbx], bx */
	CHECK_TEXT(trace, "c1000/2 r1000/2 w1000/2");
	CHECK(e.gpr[HV_RBX] == 0x1200 && word(0x1000, 2) == 0x1000);
	CHECK(!RUN(&e, INSN_64, "\x86\xfb"));			/* xchg bl, bh */
	CHECK(e.gpr[HV_RBX] == 0x12);
	e.gpr[HV_RAX] = 0xaaaaaaaabbbbbbbb;
	CHECK(!RUN(&e, INSN_64, "\x90"));			/* the upper half stays */
	CHECK(e.gpr[HV_RAX] == 0xaaaaaaaabbbbbbbb);
	CHECK(!RUN(&e, INSN_64, "\x87\xc0"));			/* here it does not */
	CHECK(e.gpr[HV_RAX] == 0xbbbbbbbb);
}

static void bit_strings(void)
{
	struct emul e = fresh();

	e.gpr[HV_RBX] = 0x1000;
	e.gpr[HV_RCX] = (u64)-1;
	CHECK(!RUN(&e, INSN_64, "\x66\x0f\xab\x0b"));		/* bts [rbx], cx */
	CHECK_TEXT(trace, "cffe/2 rffe/2 wffe/2");
	CHECK(word(0xffe, 2) == 0x8000 && !(e.rflags & RFLAGS_CF));
	CHECK(!RUN(&e, INSN_64, "\x48\x0f\xb3\x0b"));		/* btr [rbx], rcx */
	CHECK_TEXT(trace, "cff8/8 rff8/8 wff8/8");
	CHECK(word(0xff8, 8) == 0 && e.rflags & RFLAGS_CF);
	e.gpr[HV_RCX] = 0x1234567800000043;
	CHECK(!RUN(&e, INSN_64, "\x0f\xbb\x0b"));		/* btc [rbx], ecx */
	CHECK_TEXT(trace, "c1008/4 r1008/4 w1008/4");
	CHECK(word(0x1008, 4) == 8);
	CHECK(!RUN(&e, INSN_64, "\x0f\xba\x2b\x43"));		/* bts [rbx], 0x43 */
	CHECK_TEXT(trace, "c1000/4 r1000/4 w1000/4");
	e.gpr[HV_RBX] = 0x1000;
	e.gpr[HV_RCX] = 0x8000;
	CHECK(!RUN(&e, INSN_16, "\x67\x0f\xa3\x0b"));		/* -32768 in 16 bits */
	CHECK_TEXT(trace, "r0/2");
}

/* ---- Strings -------------------------------------------------------------------------------- */

static void string_registers(void)
{
	struct emul e = fresh();

	e.base[HV_FS] = 0x1000;
	e.base[HV_ES] = 0x2000;
	e.gpr[HV_RSI] = 0xabcd0002;
	e.gpr[HV_RDI] = 0xabcd0002;
	e.gpr[HV_RCX] = 0xabcd0002;
	e.rflags |= RFLAGS_DF;
	CHECK(!RUN(&e, INSN_16, "\xf3\x64\xa5"));		/* rep movsw, downwards from fs: */
	CHECK_TEXT(trace, "r1002/2 w2002/2 r1000/2 w2000/2");
	CHECK(e.gpr[HV_RSI] == 0xabcdfffe && e.gpr[HV_RDI] == 0xabcdfffe);
	CHECK(e.gpr[HV_RCX] == 0xabcd0000 && e.rip == 0x103);
	e.rflags = RFLAGS_FIXED;
	e.gpr[HV_RSI] = 0xffffffff00001000;
	CHECK(!RUN(&e, INSN_64, "\x67\xac"));			/* lodsb at esi */
	CHECK_TEXT(trace, "r1000/1");
	CHECK(e.gpr[HV_RSI] == 0x1001);				/* 32 bits clear the rest */
	e.gpr[HV_RCX] = 0;
	CHECK(!RUN(&e, INSN_64, "\xf3\xac"));
	CHECK_TEXT(trace, "");
	CHECK(e.gpr[HV_RSI] == 0x1001 && e.rip == 0x107);
}

static void batches(void)
{
	struct emul e = fresh();

	e.gpr[HV_RDI] = 0x1000;
	e.gpr[HV_RCX] = 2 * EMUL_BATCH + 1;
	e.gpr[HV_RAX] = 0x55;
	CHECK(!RUN(&e, INSN_64, "\xf3\xaa"));
	CHECK(e.gpr[HV_RCX] == EMUL_BATCH + 1 && e.rip == 0x100);
	CHECK(e.gpr[HV_RDI] == 0x1000 + EMUL_BATCH);
	CHECK(!RUN(&e, INSN_64, "\xf2\xaa"));			/* F2 does the same */
	CHECK(e.gpr[HV_RCX] == 1 && e.rip == 0x100);
	CHECK(!RUN(&e, INSN_64, "\xf3\xaa"));
	CHECK(e.gpr[HV_RCX] == 0 && e.rip == 0x102);
	CHECK(memory[0x1000] == 0x55 && memory[0x1000 + 2 * EMUL_BATCH] == 0x55);
	CHECK(memory[0x1000 + 2 * EMUL_BATCH + 1] == 0);
	e.gpr[HV_RCX] = EMUL_BATCH;				/* just one */
	CHECK(!RUN(&e, INSN_64, "\xf3\xaa"));
	CHECK(e.gpr[HV_RCX] == 0 && e.rip == 0x104);
}

/* With TF a trap follows on each iteration, and RFLAGS stay the caller's. */
static void single_steps(void)
{
	struct emul e = fresh();

	e.rflags |= RFLAGS_TF;
	e.gpr[HV_RDI] = 0x1000;
	e.gpr[HV_RCX] = 2;
	CHECK(!RUN(&e, INSN_64, "\xf3\xaa"));
	CHECK_TEXT(trace, "w1000/1");
	CHECK(e.gpr[HV_RCX] == 1 && e.gpr[HV_RDI] == 0x1001 && e.rip == 0x100);
	CHECK(!RUN(&e, INSN_64, "\xf3\xaa"));
	CHECK_TEXT(trace, "w1001/1");
	CHECK(e.gpr[HV_RCX] == 0 && e.rip == 0x102);
	CHECK(!RUN(&e, INSN_64, "\xf3\xaa"));
	CHECK_TEXT(trace, "");
	CHECK(e.gpr[HV_RDI] == 0x1002 && e.rip == 0x104);
	CHECK(e.rflags == (RFLAGS_FIXED | RFLAGS_TF));
}

static void string_faults(void)
{
	struct emul e = fresh();

	read_only = 0x4;
	e.gpr[HV_RSI] = 0x100;
	e.gpr[HV_RDI] = 0x1ffe;
	e.gpr[HV_RCX] = 5;
	CHECK(RUN(&e, INSN_64, "\xf3\xa4") == FAULT);
	CHECK(e.gpr[HV_RSI] == 0x102 && e.gpr[HV_RDI] == 0x2000 && e.gpr[HV_RCX] == 3);
	CHECK(e.rip == 0x100);
	read_only = 0;
	CHECK(!RUN(&e, INSN_64, "\xf3\xa4"));
	CHECK(e.gpr[HV_RDI] == 0x2003 && e.gpr[HV_RCX] == 0 && e.rip == 0x102);
}

static void ports(void)
{
	struct emul e = fresh();

	e.gpr[HV_RDX] = 0xabcd03f8;
	e.gpr[HV_RAX] = 0x1122334455667788;
	CHECK(!RUN(&e, INSN_64, "\xee"));
	CHECK_TEXT(trace, "o3f8/1");
	CHECK(port_value == 0x88);
	CHECK(!RUN(&e, INSN_64, "\xe7\xf4"));
	CHECK_TEXT(trace, "of4/4");
	port_value = 0x9988;
	CHECK(!RUN(&e, INSN_64, "\x66\xed"));
	CHECK_TEXT(trace, "i3f8/2");
	CHECK(e.gpr[HV_RAX] == 0x1122334455669988);
	CHECK(!RUN(&e, INSN_64, "\xed") && e.gpr[HV_RAX] == 0x9988);
	e.gpr[HV_RDI] = 0x1000;
	e.gpr[HV_RSI] = 0x1000;
	CHECK(!RUN(&e, INSN_64, "\x6d"));
	CHECK_TEXT(trace, "c1000/4 i3f8/4 w1000/4");
	CHECK(word(0x1000, 4) == 0x9988 && e.gpr[HV_RDI] == 0x1004);
	CHECK(!RUN(&e, INSN_64, "\x6e"));
	CHECK_TEXT(trace, "r1000/1 o3f8/1");
	CHECK(port_value == 0x88 && e.gpr[HV_RSI] == 0x1001);
	read_only = 0x2;
	CHECK(RUN(&e, INSN_64, "\x6d") == FAULT);
	CHECK_TEXT(trace, "c1004/4");				/* nothing is taken from the port */
	e.gpr[HV_RDX] = 0xdead;
	CHECK(RUN(&e, INSN_64, "\xed") == FAULT && e.gpr[HV_RAX] == 0x9988);
	CHECK(RUN(&e, INSN_64, "\x6e") == FAULT && e.gpr[HV_RSI] == 0x1001);
}

/* ---- Others --------------------------------------------------------------------------------- */

static void registers(void)
{
	struct emul e = fresh();

	e.gpr[HV_RAX] = 0xffffffffffffffff;
	CHECK(!RUN(&e, INSN_64, "\x88\xcc") && e.gpr[HV_RAX] == 0xffffffffffff00ff);	/* ah, cl */
	CHECK(!RUN(&e, INSN_64, "\x66\x89\xc8") && e.gpr[HV_RAX] == 0xffffffffffff0000);
	CHECK(!RUN(&e, INSN_64, "\x89\xc0") && e.gpr[HV_RAX] == 0xffff0000);
	CHECK(!RUN(&e, INSN_64, "\x48\x63\xc8") && e.gpr[HV_RCX] == 0xffffffffffff0000);
	CHECK(!RUN(&e, INSN_64, "\x66\x0f\xb6\xcd") && e.gpr[HV_RCX] == 0xffffffffffff0000);
	CHECK(!RUN(&e, INSN_64, "\xb5\x80") && e.gpr[HV_RCX] == 0xffffffffffff8000);
	CHECK(!RUN(&e, INSN_64, "\x0f\xbe\xd5") && e.gpr[HV_RDX] == 0xffffff80);
}

static void only_decoded(void)
{
	struct emul e = fresh(), before = e;

	CHECK(RUN(&e, INSN_64, "\x0f\xa2") == -ENOSYS);
	CHECK(RUN(&e, INSN_64, "\x8e\xd8") == -ENOSYS);
	CHECK(RUN(&e, INSN_64, "\x0f\x22\xd8") == -ENOSYS);	/* mov cr3, rax */
	CHECK(!memcmp(&e, &before, sizeof(e)));
	CHECK(!RUN(&e, INSN_64, "\xf3\x90") && e.rip == 0x102);
}

int main(void)
{
	wraps();
	two_pages();
	read_modify_write();
	exchange();
	bit_strings();
	string_registers();
	batches();
	single_steps();
	string_faults();
	ports();
	registers();
	only_decoded();
	return UNIT_END();
}
