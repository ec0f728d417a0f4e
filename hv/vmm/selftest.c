/*
 * Tests that only the hypervisor itself can make, by `selftest=` on the command line.
 *
 * state: no guest can write all of core/state.def. Two VMs get registers that disagree in every
 * item, take turns, and must each have kept their own.
 *
 * random:SEED:COUNT: guests made of random bytes, COUNT in each start mode. Whatever they do, it
 * may only end themselves, and leave no page behind.
 */
#include "lib/string.h"
#include "vmm/vmm.h"
#include "x86/regs.h"

#define CODE		0x8000ull	/* a page full of HLT */
#define MEMORY		MiB(2)
#define INSN_HLT	0xf4

static struct hv_vcpu_state want[2], got;
static u32 failures;

static int make_vm(void)
{
	static u8 page[4096];
	static const struct vmfile_vm config = { .memory = MEMORY, .mode = VMFILE_LONG };
	struct vmm_vm vm = { .config = &config };

	memset(page, INSN_HLT, sizeof(page));
	if (vmm_create(&vm) || hv_gpa_write(vm.id, CODE, page, sizeof(page)) ||
	    vmm_start_vcpu(&vm, CODE))
		hv_fatal("self-test: a VM can't be made");
	return vm.id;
}

/* ---- Values: valid for hardware, and different for k = 0 and k = 1 --------------------------- */

static void set_segments(struct hv_vcpu_state *s, u64 k)
{
	for (u64 i = 0; i < HV_SEGS; i++) {
		s->seg[i].selector = (u16)((i + 1) * 16 + k * 8);
		if (i != HV_CS)
			s->seg[i].base = (i + 1) * 0x10000 + k * 0x1000;
	}
	s->gdtr = (struct hv_table){ .base = 0x3000 + k * 0x100, .limit = (u32)(0x7f + k * 8) };
	s->idtr = (struct hv_table){ .base = 0x4000 + k * 0x100, .limit = (u32)(0xff + k * 8) };
}

static void set_system(struct hv_vcpu_state *s, u64 k)
{
	s->cr0 ^= k ? CR0_MP | CR0_WP : 0;
	s->cr2 = 0x123456789000 + k;
	s->cr3 |= k << 3;			/* PWT */
	s->cr4 |= CR4_OSXSAVE | CR4_OSFXSR | (k ? CR4_PGE : 0);
	s->cr8 = 3 + k * 6;
	s->xcr0 = k ? XCR0_X87 | XCR0_SSE : XCR0_X87;
	for (u64 i = 0; i < 4; i++)
		s->dr[i] = 0x1000 * (i + 1) + k;
	s->dr6 = DR6_RESET | (1 + k);
	s->dr7 = DR7_RESET | (k ? 0x100 : 0x200);
}

static void set_msrs(struct hv_vcpu_state *s, u64 k)
{
	s->efer ^= k ? EFER_SCE : EFER_NXE;
	s->star = 0x0018000800000000 + k;
	s->lstar = 0x7fff00001000 + k;
	s->cstar = 0x7fff00002000 + k;
	s->sfmask = 0x300 + k;
	s->kernel_gs_base = 0x7fff00003000 + k;
	s->sysenter_cs = 8 + k * 8;
	s->sysenter_esp = 0x7fff00004000 + k;
	s->sysenter_eip = 0x7fff00005000 + k;
	s->pat = PAT_RESET ^ (k ? 0x0100000000000000 : 0);
	s->tsc_aux = 7 + k;
	s->tsc_offset = 0x1000000 << k;
}

static void set_values(struct hv_vcpu_state *s, u64 k)
{
	for (u64 i = 0; i < HV_GPRS; i++)
		s->gpr[i] = 0x1111111111111111 * (i % 7 + 1) + k;
	s->rip = CODE + 0x100 + k * 0x100;
	s->rflags = RFLAGS_FIXED | (k ? 0x1 : 0x4);	/* CF, PF */
	set_segments(s, k);
	set_system(s, k);
	set_msrs(s, k);
	s->interrupt_shadow = k;
	s->nmi_blocked = !k;
	s->pending = (struct hv_event){ .valid = true, .type = HV_EVENT_EXCEPTION,
					.vector = (u8)(k ? EXC_GP : EXC_UD), .has_error = k };
	*(u32 *)&s->xsave[24] = 0x1f80 | (u32)k << 13;	/* MXCSR, rounding */
	for (u64 i = 160; i < 416; i++)			/* XMM0-15 (SDM vol. 1, table 10-2) */
		s->xsave[i] = (u8)(i * 3 + k);
	s->xsave[512] = XCR0_X87 | XCR0_SSE;		/* XSTATE_BV: both are in use */
}

/* ---- The comparison -------------------------------------------------------------------------- */

/* MXCSR and the XMM registers; the rest of the area is the hardware's to lay out. */
static bool same_fpu(const u8 *a, const u8 *b)
{
	return !memcmp(a + 24, b + 24, 4) && !memcmp(a + 160, b + 160, 256);
}

static void check(const char *item, bool same, bool differ)
{
	vmm_printf("selftest state %s %s\n", item, !differ ? "untested" : same ? "kept" : "LEAKED");
	failures += !same || !differ;
}

#define SAME(a, b, item) \
	(sizeof((a).item) == HV_XSAVE_SIZE ? same_fpu((a).xsave, (b).xsave) : \
					     !memcmp(&(a).item, &(b).item, sizeof((a).item)))

static void compare(u64 groups)
{
#define STATE(item, group, svm, vmx) \
	if (groups & HV_STATE_##group) \
		check(#item, SAME(got, want[0], item), !SAME(want[0], want[1], item));
#include "core/state.def"
#undef STATE
}

static void run_to_hlt(int vm)
{
	struct hv_exit x;

	if (hv_vcpu_run(vm, 0, &x) || x.reason != HV_EXIT_HLT)
		hv_fatal("self-test: a VM did not reach its HLT");
}

/* The first VM's state is set; the second one runs with its own; then the first is read. */
static void take_turns(int first, int second, u64 groups, bool first_runs)
{
	if (hv_vcpu_getstate(first, 0, &want[0], HV_STATE_ALL) ||
	    hv_vcpu_getstate(second, 0, &want[1], HV_STATE_ALL))
		hv_fatal("self-test: state can't be read");
	set_values(&want[0], 0);
	set_values(&want[1], 1);
	if (hv_vcpu_setstate(first, 0, &want[0], groups) ||
	    hv_vcpu_setstate(second, 0, &want[1], groups & ~HV_STATE_INTR))
		hv_fatal("self-test: state can't be set");
	if (first_runs)
		run_to_hlt(first);
	run_to_hlt(second);
	hv_vcpu_getstate(first, 0, &got, groups);
	want[0].rip += first_runs;		/* past the HLT */
	compare(groups);
}

static bool test_state(void)
{
	int a = make_vm(), b = make_vm();

	take_turns(a, b, HV_STATE_ALL & ~HV_STATE_INTR, true);
	take_turns(a, b, HV_STATE_INTR, false);
	vmm_printf("selftest state %s\n", failures ? "FAILED" : "passed");
	hv_machine_destroy(a);
	hv_machine_destroy(b);
	return !failures;
}

/* ---- Random guests --------------------------------------------------------------------------- */

#define RANDOM_MEMORY	KiB(64)
#define RANDOM_CODE	KiB(32)		/* so many random bytes, from address 0 */
#define RANDOM_BUDGET	100000		/* TSC ticks */

u64 selftest_random(u64 *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1d;
}

/* Run until it ends, answering IN with ones. @return why it ended */
static enum hv_exit_reason random_run(int vm)
{
	struct hv_exit x = { .reason = HV_EXIT_UNKNOWN };

	do {
		x.io.data = 0xffffffff;
		if (hv_vcpu_run(vm, 0, &x))
			hv_fatal("self-test: a random guest can't be run");
	} while (x.reason == HV_EXIT_IO && !x.io.string);
	return x.reason;
}

static void random_guests(enum vmfile_mode mode, u64 seed, u64 count)
{
	static u64 code[RANDOM_CODE / 8];
	static const char *const modes[] = { "real", "protected", "long" };
	static struct vmfile_vm config = { .memory = RANDOM_MEMORY, .budget = RANDOM_BUDGET };
	u32 ends[HV_EXIT_REASONS] = { 0 };

	config.mode = mode;
	for (u64 n = 0; n < count; n++) {
		struct vmm_vm vm = { .config = &config };
		u64 state = (seed + n) * 0x9e3779b97f4a7c15 + mode + 1;

		for (u64 i = 0; i < ARRAY_SIZE(code); i++)
			code[i] = selftest_random(&state);
		if (vmm_create(&vm) || hv_gpa_write(vm.id, 0, code, sizeof(code)) ||
		    vmm_start_vcpu(&vm, selftest_random(&state) % RANDOM_CODE))
			hv_fatal("self-test: a random guest can't be made");
		ends[random_run(vm.id)]++;
		hv_machine_destroy(vm.id);
	}
	vmm_printf("selftest random %s:", modes[mode]);
	for (u32 i = 0; i < HV_EXIT_REASONS; i++) {
		if (ends[i])
			vmm_printf(" %s=%u", hv_exit_name(i), ends[i]);
	}
	vmm_printf("\n");
}

u64 selftest_number(const char **s)
{
	u64 n = 0;

	while (**s >= '0' && **s <= '9')
		n = n * 10 + (u64)(*(*s)++ - '0');
	if (**s == ':')
		(*s)++;
	return n;
}

static bool test_random(const char *arguments)
{
	u64 seed = selftest_number(&arguments), count = selftest_number(&arguments);
	struct hv_capability before, after;

	hv_capability(&before);
	for (u32 mode = VMFILE_REAL; mode <= VMFILE_LONG; mode++)
		random_guests(mode, seed, count);
	hv_capability(&after);
	vmm_printf("selftest random guests=%lu free before=%lu after=%lu\n", 3 * count,
		   before.memory_free, after.memory_free);
	return before.memory_free == after.memory_free;
}

bool vmm_selftest(const char *what)
{
	if (!strcmp(what, "state"))
		return test_state();
	if (!strcmp(what, "api"))
		return selftest_api();
	if (!strcmp(what, "lazy"))
		return selftest_lazy();
	if (!strcmp(what, "dirty"))
		return selftest_dirty();
	if (!strncmp(what, "walk:", 5))
		return selftest_walk(what + 5);
	if (!strncmp(what, "random:", 7))
		return test_random(what + 7);
	vmm_printf("no self-test \"%s\"; there are: state, api, p2m, lazy, dirty, "
		   "walk:SEED:COUNT, random:SEED:COUNT\n", what);
	return false;
}
