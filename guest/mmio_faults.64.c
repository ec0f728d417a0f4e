/*
 * What comes between the guest and a device in memory: page faults, single steps, interrupts. Each
 * event is told in a line, all numbers in hexadecimal:
 *
 *     NAME=vector error RIP RCX RSI RDI CR2 DR6
 *
 * RIP is relative to the code, RSI and RDI to what they are at its start, CR2 to PAIRS. The last
 * line of a name is "end" and what RCX was then.
 */
#include <stdbool.h>

#include "idt64.h"
#include "probe.h"

struct frame {
	u64 r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
	u64 vector, error, rip, cs, rflags, rsp, ss;
};

typedef void code(void);
code on_db, on_gp, on_pf, on_interrupt, on_user_end;
code code_movsb, code_movsl, code_movsb_user, code_store, code_add, code_insw, code_steps, code_sti,
	code_sti_rep;
u64 do_code(code *c, u64 rsi, u64 rdi, u64 rcx);
u64 do_code_as_user(code *c, u64 rsi, u64 rdi, u64 rcx);
void handle(struct frame *f);

static u8 pages[2 * PAGE] __attribute__((aligned(4096)));
#define FIRST	((u64)pages)
#define SECOND	((u64)pages + PAGE)

/* ---- Telling -------------------------------------------------------------------------------- */

static struct {
	const char *name;
	u64 code, rsi, rdi;
	void (*mend)(struct frame *f);
} doing;

static u64 read_dr6(void)
{
	u64 v;

	asm volatile("mov %%dr6, %0" : "=r"(v));
	asm volatile("mov %0, %%dr6" : : "r"(0xffff0ff0ull));
	return v;
}

void handle(struct frame *f)
{
	u64 cr2;

	asm volatile("mov %%cr2, %0" : "=r"(cr2));
	const u64 word[] = { f->vector, f->error, f->rip - doing.code, f->rcx, f->rsi - doing.rsi,
			     f->rdi - doing.rdi, f->vector == 14 ? cr2 - PAIRS : 0,
			     f->vector == 1 ? read_dr6() : 0 };

	line_add(doing.name);
	for (u32 i = 0; i < sizeof(word) / sizeof(*word); i++) {
		line_add(i ? " " : "=");
		line_number(word[i]);
	}
	line_end();
	if (doing.mend)
		doing.mend(f);
}

static void watch(const char *name, code *c, u64 rsi, u64 rdi, u64 rcx,
		  void (*mend)(struct frame *f))
{
	u64 left;

	doing.name = name;
	doing.code = (u64)c;
	doing.rsi = rsi;
	doing.rdi = rdi;
	doing.mend = mend;
	left = (c == code_movsb_user ? do_code_as_user : do_code)(c, rsi, rdi, rcx);
	line_add(name);
	line_add("=end ");
	line_number(left);
	line_end();
}

static u64 word_at(u64 address)
{
	return *(volatile u64 *)address;
}

/* ---- Faults --------------------------------------------------------------------------------- */

/* The page that faults gets all rights. */
static void allow(struct frame *f)
{
	u64 cr2;

	asm volatile("mov %%cr2, %0" : "=r"(cr2));
	pairs[(cr2 - PAIRS) / PAGE] |= PTE_P | PTE_W | PTE_U;
	flush();
}

/* The same; before, what has been done of an operand at the end of the probe's memory? */
static void look_and_allow(struct frame *f)
{
	tell("undone", word_at(PROBE_MEMORY + PAGE - 8));
	allow(f);
}

static void redirect(struct frame *f)
{
	f->rdi = FIRST + 0x800;
}

static void set_wp(bool on)
{
	u64 cr0;

	asm volatile("mov %%cr0, %0" : "=r"(cr0));
	cr0 = (cr0 & ~(1ull << 16)) | (u64)on << 16;
	asm volatile("mov %0, %%cr0" : : "r"(cr0));
}

/* RAM at the last canonical address of the lower half: -> its page. */
static u64 map_last(void)
{
	static u64 table[3][512] __attribute__((aligned(4096)));
	u64 *pml4;

	asm volatile("mov %%cr3, %0" : "=r"(pml4));
	pml4[255] = (u64)table[0] | PTE_P | PTE_W;
	table[0][511] = (u64)table[1] | PTE_P | PTE_W;
	table[1][511] = (u64)table[2] | PTE_P | PTE_W;
	table[2][511] = SECOND | PTE_P | PTE_W;
	flush();
	return 0x7ffffffff000;
}

static void faults(void)
{
	u64 border = map_pair(0, FIRST, SECOND), last = map_last();

	pairs[1] &= ~PTE_P;
	watch("absent", code_movsb, PROBE_MEMORY, border - 5, 100, allow);
	tell("absent.first", word_at(FIRST + PAGE - 8));
	tell("absent.second", word_at(SECOND));
	tell("absent.last", word_at(SECOND + 95 - 8));

	set_wp(true);
	pairs[0] = FIRST | PTE_P;
	flush();
	watch("readonly", code_movsl, PROBE_MEMORY, PAIRS, 0, allow);
	pairs[0] = FIRST | PTE_P;
	flush();
	set_wp(false);
	watch("no_wp", code_movsl, PROBE_MEMORY, PAIRS, 0, allow);

	set_wp(true);
	map_pair(0, PROBE_MEMORY, SECOND);
	pairs[0] &= ~PTE_W;
	watch("readonly_add", code_add, 0, PAIRS + 0x900, 0, allow);
	tell("readonly_add.done", word_at(PROBE_MEMORY + 0x900));
	set_wp(false);

	map_pair(0, FIRST, SECOND);
	pairs[0] &= ~PTE_W;
	pairs[1] &= ~PTE_U;
	flush();
	watch("user", code_movsb_user, PROBE_MEMORY, border - 3, 10, allow);

	watch("canonical", code_movsb, PROBE_MEMORY, last + PAGE - 3, 10, redirect);

	map_pair(0, PROBE_MEMORY, SECOND);
	pairs[1] &= ~PTE_P;
	watch("straddle", code_store, 0, border - 2, 0, look_and_allow);
	tell("straddle.done", word_at(PROBE_MEMORY + PAGE - 8));
	pairs[1] &= ~PTE_P;
	flush();
	watch("straddle_add", code_add, 0, border - 2, 0, look_and_allow);
	tell("straddle_add.done", word_at(PROBE_MEMORY + PAGE - 8));
	tell("straddle.ram", word_at(SECOND));

	map_pair(0, FIRST, SECOND);
	pairs[1] &= ~PTE_P;
	outl(PROBE_SEED, 1);
	watch("ins", code_insw, 0, border - 5, 10, allow);
	tell("ins.sum", probe_sum());
	tell("ins.border", word_at(border - 4));
}

/* Memory and device at the same place in their pages. */
static void alike(void)
{
	*(volatile u64 *)(FIRST + 0x9a0) = 0x1122334455667788;
	watch("alike", code_movsl, FIRST + 0x9a0, PROBE_MEMORY + 0x9a0, 0, 0);
	tell("alike.done", word_at(PROBE_MEMORY + 0x9a0));
}

static void marks(void)
{
	u64 border = map_pair(0, PROBE_MEMORY, SECOND);

	(void)word_at(PAIRS);
	tell("mark.read", pairs[0] & (PTE_A | PTE_D));
	watch("mark", code_movsl, PAIRS, border, 0, 0);
	tell("mark.movs", (pairs[0] & (PTE_A | PTE_D)) << 8 | (pairs[1] & (PTE_A | PTE_D)));
	watch("mark", code_store, 0, PAIRS + 0x800, 0, 0);
	tell("mark.write", pairs[0] & (PTE_A | PTE_D));
}

/* ---- Steps and interrupts ------------------------------------------------------------------- */

static void sti(const char *name, code *c, u64 rsi)
{
	asm volatile("cli");
	hypercall(HYPERCALL_INTERRUPT, 0x40, 0);
	watch(name, c, rsi, FIRST, 150, 0);
}

static void events(void)
{
	watch("steps_ram", code_steps, FIRST, FIRST + 0x800, 3, 0);
	outl(PROBE_SEED, 1);
	watch("steps", code_steps, PROBE_MEMORY, PROBE_MEMORY + 0x800, 3, 0);
	tell("steps.sum", probe_sum());
	sti("sti_ram", code_sti, FIRST);
	sti("sti", code_sti, PROBE_MEMORY);
	sti("sti_rep", code_sti_rep, PROBE_MEMORY);
	tell("sti_rep.last", word_at(FIRST + 150 - 8));
}

/* ---- Tables --------------------------------------------------------------------------------- */

static struct {
	u32 reserved;
	u64 rsp[3], reserved2, ist[7], reserved3;
	u16 reserved4, iomap;
} __attribute__((packed)) tss;

/* GDT: 0x18 data, 0x20 code for CPL 3, 0x28 the task. */
static u64 descriptors[] __attribute__((aligned(16))) = {
	0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cff3000000ffff, 0x00affb000000ffff, 0, 0
};

static void tables(void)
{
	static u8 stack[PAGE] __attribute__((aligned(16)));
	const struct table g = { sizeof(descriptors) - 1, (u64)descriptors };
	u64 base = (u64)&tss;

	tss.rsp[0] = (u64)stack + PAGE;
	descriptors[5] = (sizeof(tss) - 1) | (base & 0xffffff) << 16 | 0x89ull << 40;
	tables_load();
	asm volatile("lgdt %0; ltr %w1" : : "m"(g), "r"(0x28));
	idt_set(1, on_db);
	idt_set(13, on_gp);
	idt_set(14, on_pf);
	idt_set(0x40, on_interrupt);
	idt_set(0x41, on_user_end);
	idt[0x41][0] |= 0x6000ull << 32;	/* DPL 3 */
}

int main(u64 unused, u64 unused2);
int main(u64 unused, u64 unused2)
{
	tables();
	pairs_init();
	for (u64 i = 0; i < 200; i++)
		((volatile u8 *)PROBE_MEMORY)[i] = (u8)i;
	faults();
	alike();
	marks();
	events();
	return 0;
}
