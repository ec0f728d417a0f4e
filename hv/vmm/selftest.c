/*
 * Tests that only the hypervisor itself can make, because no guest can: `selftest=state` on the
 * command line gives two VMs registers that disagree in every item of core/state.def, lets them
 * take turns, and looks whether each has kept its own. Prints a line for each item.
 */
#include "lib/string.h"
#include "vmm/vmm.h"
#include "x86/regs.h"

#define CODE		0x8000ull	/* a page full of HLT */
#define PML4		0x10000ull	/* maps the first 2 MiB to themselves */
#define MEMORY		MiB(2)
#define INSN_HLT	0xf4

static struct hv_machine_config config;
static struct hv_vcpu_state want[2], got;
static u32 failures;

static int make_vm(void)
{
	static u8 page[4096];
	const struct hv_vcpu_start start = { .mode = HV_MODE_LONG, .rip = CODE, .cr3 = PML4 };
	const u64 pdpt = (PML4 + 0x1000) | 7, pd = (PML4 + 0x2000) | 7, leaf = 0x87;
	int vm = hv_machine_create();

	memset(&config, 0, sizeof(config));
	vmm_policy(&config);
	memset(page, INSN_HLT, sizeof(page));
	if (vm < 0 || hv_machine_configure(vm, &config) || hv_gpa_map(vm, 0, MEMORY, HV_PROT_ALL) ||
	    hv_gpa_write(vm, CODE, page, sizeof(page)) || hv_gpa_write(vm, PML4, &pdpt, 8) ||
	    hv_gpa_write(vm, PML4 + 0x1000, &pd, 8) || hv_gpa_write(vm, PML4 + 0x2000, &leaf, 8) ||
	    hv_vcpu_create(vm, 0, &start))
		hv_fatal("self-test: a VM can't be made");
	return vm;
}

/* ---- Values: valid for hardware, and different for k = 0 and k = 1 ---------------------------- */

static void set_segments(struct hv_vcpu_state *s, u64 k)
{
	for (u32 i = 0; i < HV_SEGS; i++) {
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
	s->cr3 = PML4 | k << 3;			/* PWT */
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
	for (u32 i = 160; i < 416; i++)			/* XMM0-15 (SDM vol. 1, table 10-2) */
		s->xsave[i] = (u8)(i * 3 + k);
	s->xsave[512] = XCR0_X87 | XCR0_SSE;		/* XSTATE_BV: both are in use */
}

/* ---- The comparison --------------------------------------------------------------------------- */

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

unsigned int vmm_selftest(const char *name)
{
	int a, b;

	if (strcmp(name, "state")) {
		vmm_printf("there is no self-test \"%s\"; there is: state\n", name);
		return VMM_STATUS_BAD_FILE;
	}
	a = make_vm();
	b = make_vm();
	take_turns(a, b, HV_STATE_ALL & ~HV_STATE_INTR, true);
	take_turns(a, b, HV_STATE_INTR, false);
	vmm_printf("selftest state %s\n", failures ? "FAILED" : "passed");
	hv_machine_destroy(a);
	hv_machine_destroy(b);
	return failures ? 1 : 0;
}
