/*
 * Does each row of mmio.def on memory and on a device, and tells where it makes a difference; then
 * on the probe's stream, and tells the sum. The guests mmio.64 and mmio.32 are this.
 */
#ifndef GUEST_MMIO_H
#define GUEST_MMIO_H

#include "probe.h"

#ifdef __x86_64__
#define R(x)		"%r" x
#define WORD		"8"
#define REGS		16
#define MORE_REGS(X)	X(8, "%r8") X(9, "%r9") X(10, "%r10") X(11, "%r11") \
			X(12, "%r12") X(13, "%r13") X(14, "%r14") X(15, "%r15")
#define PUSH_ALL	"push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15;"
#define POP_ALL		"pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx;"
#define PATCH		"mov %rbx, 1f - 8(%rip); jmp 2f; 2: "
#else
#define R(x)		"%e" x
#define WORD		"4"
#define REGS		8
#define MORE_REGS(X)
#define PUSH_ALL	"push %ebx; push %ebp; push %esi; push %edi;"
#define POP_ALL		"pop %edi; pop %esi; pop %ebp; pop %ebx;"
#define PATCH		"mov %ebx, 1f - 4; jmp 2f; 2: "
#endif

/* What the rows are made of. An address in the code itself is put there right before. */
#define M		"("R("bx")")"
#define FROM_M		"mov "R("bx")", "R("si")"; "
#define FROM_RAM	"mov "R("bp")", "R("si")"; "
#define TO_M		"mov "R("bx")", "R("di")"; "
#define TO_RAM		"mov "R("bp")", "R("di")"; "
#define COUNT(n)	"mov $"#n", %ecx; "
#define PORT		"mov $0x2a0, %edx; "
#define HIGH		"movabs $0x700000000, %r8; "
#define MOFFS(opcode)	PATCH ".byte "opcode"; .zero "WORD"; 1: "
#define RIP(opcode, tail) \
	"lea 1f(%rip), %rcx; not %rcx; lea 1(%rbx, %rcx), %rdx; mov %edx, 2f - 4(%rip); jmp 3f; " \
	"3: .byte "opcode"; .long 0; 2: "tail"; 1: xor %edx, %edx; xor %ecx, %ecx"

/* The registers by their number, then the flags: before a trial, and after it. */
unsigned long now[REGS + 1];
void (*trial_code)(void);
void run_trial(void);

#define EACH_REG(X) \
	X(0, R("ax")) X(1, R("cx")) X(2, R("dx")) X(3, R("bx")) X(5, R("bp")) X(6, R("si")) \
	X(7, R("di")) MORE_REGS(X)
#define LOAD(n, reg)	"mov now + "#n" * "WORD", "reg"\n"
#define STORE(n, reg)	"mov "reg", now + "#n" * "WORD"\n"
#define TEXT_OF(x)	#x
#define TEXT(x)		TEXT_OF(x)
#define FLAGS		"now + "TEXT(REGS)" * "WORD

asm("run_trial:" PUSH_ALL "push "FLAGS"; popf\n" EACH_REG(LOAD) "call *trial_code\n" EACH_REG(STORE)
    "pushf; cld; pop "FLAGS"\n" POP_ALL "ret");

#define TRIAL(name, code) asm("trial_"#name": "code"\n ret"); void trial_##name(void);
#define REACH TRIAL
#include "mmio.def"

static const struct trial {
	const char *name;
	void (*code)(void);
	bool reach;
} trials[] = {
#define TRIAL(name, code) { #name, trial_##name, false },
#define REACH(name, code) { #name, trial_##name, true },
#include "mmio.def"
};

#define TRIALS (sizeof(trials) / sizeof(*trials))

/* ---- Before and after ----------------------------------------------------------------------- */

#define BEFORE	0x240ul			/* bytes before a place that are looked at, and behind it */
#define AROUND	(2 * BEFORE)
#define ALL_FLAGS 0x8d7ul		/* the six of arithmetic, and bit 1 */

static u8 pattern[AROUND], window[AROUND], ram[AROUND] __attribute__((aligned(4096)));
static u32 seed, thin;

/* Copy words; to and from a device, too. */
static void copy(unsigned long to, unsigned long from, unsigned long size)
{
	unsigned long words = size / sizeof(long);

	asm volatile("rep movs"
#ifdef __x86_64__
		     "q"
#else
		     "l"
#endif
		     : "+D"(to), "+S"(from), "+c"(words) : : "memory");
}

static void set_registers(unsigned long place)
{
	for (u32 i = 0; i < REGS; i++)
		now[i] = (unsigned long)(0x8877665544332211 * (2 * i + 1));
	now[3] = now[6] = now[7] = place;
	if (REGS > 8)
		now[REGS - 4] = now[REGS - 3] = place;
	now[5] = (unsigned long)ram + BEFORE;
	now[REGS] = ALL_FLAGS;
}

static void run(const struct trial *t, unsigned long place)
{
	if (t->reach)
		copy((unsigned long)ram, (unsigned long)pattern, AROUND);
	set_registers(place);
	trial_code = t->code;
	run_trial();
}

/* ---- The same as on memory ------------------------------------------------------------------ */

enum { REGISTERS, FLAGS_AFTER, PLACE, MEMORY, SUM, PARTS };

static u64 hash(const void *what, unsigned long size)
{
	const u8 *byte = what;
	u64 sum = 0xcbf29ce484222325;

	while (size--)
		sum = (sum ^ *byte++) * 0x100000001b3;
	return sum;
}

static void look(const struct trial *t, unsigned long place, u64 part[static PARTS])
{
	unsigned long from = t->reach ? place - BEFORE : place - 16;
	unsigned long size = t->reach ? AROUND : 32;

	if (t->reach)
		outl(PROBE_SEED, seed);
	copy(from, (unsigned long)pattern, size);
	run(t, place);
	copy((unsigned long)window, from, size);
	part[REGISTERS] = hash(now, REGS * sizeof(*now));
	part[FLAGS_AFTER] = now[REGS];
	part[PLACE] = hash(window, size);
	part[MEMORY] = hash(ram, t->reach ? AROUND : 0);
	part[SUM] = t->reach ? probe_sum() : 0;
}

/* Where a trial takes place: in the middle of the first page, or on the border of the two. */
static const unsigned long places[] = { PAGE / 2 - 3, PAGE - 1, PAGE - 3 };
#define PLACES	(sizeof(places) / sizeof(*places))

static u64 expected[TRIALS][PLACES][PARTS];

static void differs(const char *name, u32 how)
{
	line_add(name);
	tell(".differs", how);
}

/* A trial on a device in one place. */
static void compare(u32 t, u32 where, u32 p)
{
	u64 part[PARTS];

	look(&trials[t], PAIRS + places[p], part);
	for (u32 i = 0; i < PARTS; i++) {
		if (part[i] != expected[t][p][i])
			differs(trials[t].name, where << 16 | p << 8 | i);
	}
}

/* The second page may be the first one again: what is around a border is at its two ends. */
static void compare_all(unsigned long ram_page)
{
	const unsigned long page[][2] = {
		{ PROBE_MEMORY, PROBE_MEMORY }, { ram_page, PROBE_MEMORY },
		{ PROBE_MEMORY, ram_page },
	};
	u32 turn = 0;

	for (u32 where = 0; where < 3; where++) {
		map_pair(0, page[where][0], page[where][1]);
		for (u32 p = where ? 1 : 0; p < PLACES; p++, turn++) {
			for (u32 t = 0; t < TRIALS; t++) {
				if (!thin || t % 7 == turn)
					compare(t, where, p);
			}
		}
	}
}

/* ---- On the stream -------------------------------------------------------------------------- */

/* In the middle, at its end, and where it follows on the memory. */
static void stream(u32 t)
{
	unsigned long page = map_pair(4, PROBE_MEMORY, PROBE_STREAM);
	u32 which = thin ? t % 3 : 3;

	outl(PROBE_SEED, seed);
	if (which == 0 || which == 3)
		run(&trials[t], page + PAGE / 2);
	if ((which == 1 || which == 3) && !trials[t].reach)
		run(&trials[t], page + PROBE_END - PROBE_STREAM - 3);
	if (which == 2 || which == 3) {
		copy(page - BEFORE, (unsigned long)pattern, BEFORE);
		run(&trials[t], page - 3);
	}
	tell(trials[t].name, probe_sum());
}

/* `choose`: each trial in one place only, which is not the same for all. */
static inline void mmio(u32 use, u32 choose)
{
	static u8 pages[2 * PAGE] __attribute__((aligned(4096)));
	unsigned long first = (unsigned long)pages;

	seed = use;
	thin = choose;
	for (u32 i = 0; i < AROUND; i++)
		pattern[i] = (u8)(i * 37 + 11);
	pairs_init();
	map_pair(0, first, first + PAGE);
	for (u32 t = 0; t < TRIALS; t++) {
		for (u32 p = 0; p < PLACES; p++)
			look(&trials[t], PAIRS + places[p], expected[t][p]);
	}
	compare_all(first);
	tell("trials", TRIALS);
	for (u32 t = 0; t < TRIALS; t++)
		stream(t);
}

#endif
