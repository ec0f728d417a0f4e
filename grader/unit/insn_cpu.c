/*
 * The executor beside the CPU that this runs on: random instructions of 64-bit code on random
 * registers, flags and memory, once in insn_execute() and once for real.
 *
 *   insn_cpu N     until both agree N times on each row and operand size of emul/insn.def; prints
 *                  how often. Not on what user mode may not do (ports), nor on flags that are
 *                  undefined.
 */
#include <asm/prctl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "emul/execute.h"
#include "insn_rows.h"
#include "lib/printf.h"
#include "x86/regs.h"

#define PAGE		4096
#define MEMORY		(4 * PAGE)
#define GS_BASE		0x1230
#define REP_MAX		40
#define STATUS		(RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

/* ---- The CPU -------------------------------------------------------------------------------- */

/* What the code below loads and stores: 16 registers by their numbers, and the flags. */
u64 cpu_regs[HV_GPRS + 1], cpu_rsp;
void *cpu_code;
void cpu_run(void), cpu_back(void);

#define EACH_REG(insn) \
	insn(0, rax) insn(8, rcx) insn(16, rdx) insn(24, rbx) insn(40, rbp) insn(48, rsi) \
	insn(56, rdi) insn(64, r8) insn(72, r9) insn(80, r10) insn(88, r11) insn(96, r12) \
	insn(104, r13) insn(112, r14) insn(120, r15)
#define LOAD(at, reg)	"mov cpu_regs + " #at "(%rip), %" #reg "\n"
#define STORE(at, reg)	"mov %" #reg ", cpu_regs + " #at "(%rip)\n"

asm(	".globl cpu_run, cpu_back\n"
	"cpu_run:\n"
	"push %rbx\n" "push %rbp\n" "push %r12\n" "push %r13\n" "push %r14\n" "push %r15\n"
	"mov %rsp, cpu_rsp(%rip)\n"
	"pushq cpu_regs + 128(%rip)\n" "popfq\n"
	EACH_REG(LOAD)
	"mov cpu_regs + 32(%rip), %rsp\n"
	"jmp *cpu_code(%rip)\n"
	"cpu_back:\n"
	"xchg %rsp, cpu_rsp(%rip)\n"
	"pushfq\n" "popq cpu_regs + 128(%rip)\n"
	EACH_REG(STORE)
	"mov cpu_rsp(%rip), %rax\n"
	"mov %rax, cpu_regs + 32(%rip)\n"
	"cld\n"
	"pop %r15\n" "pop %r14\n" "pop %r13\n" "pop %r12\n" "pop %rbp\n" "pop %rbx\n"
	"ret\n");

static u8 *memory, *code;		/* below 2 GiB: addresses of 32 bits reach them */
static u8 emulated[MEMORY];
static u64 fs_base;

/* The instruction, and then a jump back that needs no register. */
static void put_code(const u8 *bytes, u32 length)
{
	static const u8 jump[] = { 0xff, 0x25, 0, 0, 0, 0 };
	u64 back = (u64)cpu_back;

	memcpy(code, bytes, length);
	memcpy(code + length, jump, sizeof(jump));
	memcpy(code + length + sizeof(jump), &back, sizeof(back));
	cpu_code = code;
}

/* ---- The emulator --------------------------------------------------------------------------- */

static int at(u64 linear, u32 size, u64 *offset)
{
	*offset = linear - (u64)memory;
	return linear < (u64)memory || *offset + size > MEMORY;
}

static int read_memory(void *ctx, u64 linear, u32 size, u64 *value)
{
	u64 offset;

	*value = 0;
	if (at(linear, size, &offset))
		return 1;
	memcpy(value, &emulated[offset], size);
	return 0;
}

static int write_memory(void *ctx, u64 linear, u32 size, u64 value)
{
	u64 offset;

	if (at(linear, size, &offset))
		return 1;
	memcpy(&emulated[offset], &value, size);
	return 0;
}

static int check_memory(void *ctx, u64 linear, u32 size)
{
	u64 offset;

	return at(linear, size, &offset);
}

/* ---- Random instructions and registers ------------------------------------------------------- */

static u64 random64(void)
{
	return (u64)below(1 << 16) << 48 | (u64)below(1 << 24) << 24 | below(1 << 24);
}

/* Small and large numbers, since carries and signs are where mistakes hide. */
static u64 random_value(void)
{
	u64 edge = 1ull << below(64);

	switch (below(4)) {
	case 0: return edge + below(3) - 1;
	case 1: return -(edge + below(3) - 1);
	default: return random64();
	}
}

/* Changes a register, or the displacement of `bytes` at `disp`, so that `m` is in our memory. */
static void aim(const struct insn *i, struct emul *e, const struct insn_operand *m, u8 *disp,
		u32 bytes)
{
	bool locked = i->prefixes & INSN_LOCK || i->op == INSN_XCHG;
	u32 from = below(2) ? 2 * PAGE - 8 + below(16) : PAGE + below(2 * PAGE);
	u64 address = (u64)memory + (locked ? from & ~7u : from), index = 0;

	address -= m->segment >= HV_FS ? e->base[m->segment] : 0;
	if (m->index != INSN_NO_REG && m->base == INSN_NO_REG)
		e->gpr[m->index] = below(PAGE);		/* so that the displacement can do it */
	if (m->index != INSN_NO_REG)
		index = e->gpr[m->index] * m->scale;
	if (m->base == INSN_NO_REG || m->base == INSN_RIP) {
		address -= index + (m->base == INSN_RIP ? e->rip + i->length : 0);
		memcpy(disp, &address, bytes);
		return;
	}
	address -= m->value;
	if (m->index == m->base)
		address = (i->address_size == 4 ? (u32)address : address) / (1u + m->scale);
	else
		address -= index;
	if (i->address_size == 4)
		address = (u32)address | random64() << 32;
	e->gpr[m->base] = address;
}

/* @return false: this encoding is none to try */
static bool prepare(const struct insn_row *row, u32 size, u8 *bytes, struct insn *i, struct emul *e)
{
	u32 modrm = row_encode(row, bytes, below(3), below(2 + size) > 1, size == 8);
	u32 disp_bytes = 4;
	u8 *disp;

	if (insn_decode(i, bytes, INSN_MAX_LENGTH, INSN_64) || i->op != row->op ||
	    insn_width(i) != size)
		return false;
	disp = &bytes[modrm];
	if (row->a[0] == 'O' || row->b[0] == 'O')
		disp_bytes = i->address_size;
	else
		disp += 1 + ((bytes[modrm] & 7) == 4);		/* ModRM, SIB */
	for (u32 n = 0; n < HV_GPRS; n++)
		e->gpr[n] = random_value();
	e->rflags = (random64() & (STATUS | RFLAGS_DF)) | RFLAGS_FIXED | RFLAGS_IF;
	if (i->op >= INSN_BT && i->op <= INSN_BTC && i->operand[1].kind == INSN_REG)
		e->gpr[i->operand[1].reg] = (u64)((s64)below(PAGE * 8) - PAGE * 4);
	if (i->op >= INSN_MOVS && i->prefixes & (INSN_REP | INSN_REPNE))
		e->gpr[HV_RCX] = (i->address_size == 4 ? random64() << 32 : 0) | below(REP_MAX);
	for (u32 n = 0; n < INSN_OPERANDS; n++)
		if (i->operand[n].kind == INSN_MEM)
			aim(i, e, &i->operand[n], disp, disp_bytes);
	return !insn_decode(i, bytes, INSN_MAX_LENGTH, INSN_64);
}

/* ---- Do both agree? ------------------------------------------------------------------------- */

static u64 defined_flags(enum insn_op op)
{
	switch (op) {
	case INSN_AND: case INSN_OR: case INSN_XOR: case INSN_TEST:
		return (STATUS & ~RFLAGS_AF) | RFLAGS_DF;
	case INSN_BT: case INSN_BTS: case INSN_BTR: case INSN_BTC:
		return RFLAGS_CF | RFLAGS_ZF | RFLAGS_DF;
	default:
		return STATUS | RFLAGS_DF;
	}
}

static const char *difference(const struct insn *i, const struct emul *e)
{
	if (memcmp(e->gpr, cpu_regs, sizeof(e->gpr)))
		return "registers";
	if ((e->rflags ^ cpu_regs[HV_GPRS]) & defined_flags(i->op))
		return "flags";
	if (__builtin_memcmp(emulated, memory, MEMORY))
		return "memory";
	return e->rip != (u64)code + i->length ? "rip" : NULL;
}

static char running[3 * INSN_MAX_LENGTH + 1];	/* the instruction, for a person */

static void name_it(const u8 *bytes, u32 length)
{
	for (u32 n = 0; n < length; n++)
		snprintf(&running[3 * n], 4, "%02x ", bytes[n]);
}

static void complain(const char *what, const struct insn *i, const struct emul *e)
{
	printf("%s%s: %s differ\n", running, insn_name(i->op), what);
	for (u32 n = 0; n < HV_GPRS; n++)
		if (e->gpr[n] != cpu_regs[n])
			printf("  register %u: we say %llx, the CPU %llx\n", n,
			       (unsigned long long)e->gpr[n], (unsigned long long)cpu_regs[n]);
	printf("  flags: we say %llx, the CPU %llx\n", (unsigned long long)e->rflags,
	       (unsigned long long)cpu_regs[HV_GPRS]);
}

/*
 * Can it be that aim() could not do its work? The base of FS is too high for addresses of 32 bits
 * and displacements; and a register may be both the base and the number of a bit.
 */
static bool may_miss(const struct insn *i)
{
	for (u32 n = 0; n < INSN_OPERANDS; n++) {
		const struct insn_operand *m = &i->operand[n];

		if (m->kind != INSN_MEM)
			continue;
		if (m->segment == HV_FS && (i->address_size == 4 || m->base >= HV_GPRS))
			return true;
		if (i->op >= INSN_BT && i->op <= INSN_BTC && m->base == i->operand[1].reg)
			return true;
	}
	return false;
}

static void fill(void)
{
	for (u32 n = 0; n < MEMORY; n += 8) {
		u64 value = random64();

		memcpy(&memory[n], &value, 8);
	}
}

/* @return 1: both agree, 0: not tried, -1: they don't */
static int try_one(const struct insn_row *row, u32 size)
{
	struct emul e = { .rip = (u64)code, .read = read_memory, .write = write_memory,
			  .check = check_memory };
	u8 bytes[2 * INSN_MAX_LENGTH];
	const char *what;
	struct insn i;

	e.base[HV_FS] = fs_base;
	e.base[HV_GS] = GS_BASE;
	if (!prepare(row, size, bytes, &i, &e))
		return 0;
	if (!below(64))			/* now and then, for speed */
		fill();
	__builtin_memcpy(emulated, memory, MEMORY);	/* libc's, which is fast */
	memcpy(cpu_regs, e.gpr, sizeof(e.gpr));
	cpu_regs[HV_GPRS] = e.rflags;
	name_it(bytes, i.length);
	if (insn_execute(&i, &e)) {
		if (may_miss(&i))
			return 0;
		printf("%s%s: we access what is not our memory\n", running, insn_name(i.op));
		return -1;
	}
	put_code(bytes, i.length);
	cpu_run();
	what = difference(&i, &e);
	if (what)
		complain(what, &i, &e);
	return what ? -1 : 1;
}

static int try_all(u32 wanted)
{
	u32 failures = 0;

	printf("opcode name     bits agreements\n");
	for (u32 r = 0; r < ARRAY_SIZE(insn_row); r++) {
		const struct insn_row *row = &insn_row[r];

		if (row->op > INSN_LODS || row->attributes & NOT_64)
			continue;
		for (u32 size = 0; size <= 8; size += size ? size : 1) {
			u32 good = 0, bad = 0;
			u64 tries = 0;

			if (!row_has_size(row, size))
				continue;
			while (good < wanted && bad < 3 && tries++ < 100ull * wanted) {
				int result = try_one(row, size);

				good += result > 0;
				bad += result < 0;
			}
			printf("%s%02x   %-8s %4u %10u\n", row->map == MAP_0F ? "0f " : "   ",
			       row->opcode, insn_name(row->op), 8 * size, good);
			failures += good < wanted;
		}
	}
	return failures != 0;
}

/* ---- Set-up --------------------------------------------------------------------------------- */

static void fault(int signal)
{
	/* There is nobody whom this could interrupt in printf(): the instruction did it. */
	printf("%s: signal %d on the CPU\n", running, signal);
	fflush(stdout);
	_exit(1);
}

static void catch(void)
{
	static u8 stack[16 * PAGE];
	stack_t other = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction action = { .sa_handler = fault, .sa_flags = SA_ONSTACK };
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE };

	sigaltstack(&other, NULL);
	for (u32 n = 0; n < ARRAY_SIZE(signals); n++)
		sigaction(signals[n], &action, NULL);
}

static u8 *map(u32 size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE | PROT_EXEC,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	if (at == MAP_FAILED) {
		perror("mmap");
		exit(2);
	}
	return at;
}

int main(int argc, char **argv)
{
	memory = map(MEMORY);
	code = map(PAGE);
	syscall(SYS_arch_prctl, ARCH_GET_FS, &fs_base);
	syscall(SYS_arch_prctl, ARCH_SET_GS, (unsigned long)GS_BASE);
	catch();
	return try_all(argc == 2 ? (u32)atoi(argv[1]) : 300);
}
