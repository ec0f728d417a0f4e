/*
 * `selftest=api`: everybody who knocks at the door gets an answer. Bad ids, sizes and orders are
 * refused with the error that api.h promises, and whatever was made is gone at the end.
 */
#include "lib/string.h"
#include "vmm/vmm.h"

#define MEMORY	MiB(2)
#define NOBODY	77

static u32 failures;

static void expect(const char *what, s64 seen, s64 expected)
{
	if (seen == expected)
		return;
	vmm_printf("selftest api %s: expected %ld, seen %ld\n", what, expected, seen);
	failures++;
}
#define EXPECT(call, expected) expect(#call, (s64)(call), expected)

static void nobody_home(void)
{
	static struct hv_machine_config config;
	static struct hv_vcpu_state state;
	const struct hv_vcpu_start start = { .mode = HV_MODE_REAL };
	struct hv_event nmi = { .type = HV_EVENT_NMI };
	struct hv_refusal refusal;
	struct hv_module module;
	struct hv_exit exit = { .reason = HV_EXIT_UNKNOWN };
	u64 word = 0;
	u32 error;

	for (int vm = -1; vm <= NOBODY; vm += NOBODY + 1) {
		EXPECT(hv_machine_configure(vm, &config), -ENOENT);
		EXPECT(hv_machine_destroy(vm), -ENOENT);
		EXPECT(hv_gpa_map(vm, 0, 4096, HV_PROT_ALL), -ENOENT);
		EXPECT(hv_gpa_map_lazy(vm, 0, 4096, HV_PROT_ALL), -ENOENT);
		EXPECT(hv_gpa_unmap(vm, 0, 4096), -ENOENT);
		EXPECT(hv_gpa_read(vm, 0, &word, 8), -ENOENT);
		EXPECT(hv_gpa_write(vm, 0, &word, 8), -ENOENT);
		EXPECT(hv_dirty_start(vm, 0, 4096), -ENOENT);
		EXPECT(hv_dirty_read(vm, 0, 4096, &word), -ENOENT);
		EXPECT(hv_dirty_stop(vm), -ENOENT);
		EXPECT(hv_vcpu_create(vm, 0, &start), -ENOENT);
		EXPECT(hv_vcpu_getstate(vm, 0, &state, HV_STATE_ALL | HV_STATE_INSN), -ENOENT);
		EXPECT(hv_vcpu_setstate(vm, 0, &state, HV_STATE_ALL | HV_STATE_INSN), -ENOENT);
		EXPECT(hv_gva_translate(vm, 0, 0, HV_PROT_READ, &word, &error), -ENOENT);
		EXPECT(hv_vcpu_inject(vm, 0, &nmi), -ENOENT);
		EXPECT(hv_vcpu_run(vm, 0, &exit), -ENOENT);
		EXPECT(hv_vcpu_stop(vm, 0), -ENOENT);
		EXPECT(hv_vcpu_ready(vm, 0), -ENOENT);
		EXPECT(hv_vcpu_alarm(vm, 0, 0), -ENOENT);
		EXPECT(hv_vcpu_sleep(vm, 0, 0), -ENOENT);
		EXPECT(hv_vcpu_refusal(vm, 0, 0, &refusal), -ENOENT);
	}
	EXPECT(hv_module_info(1000000, &module), -ENOENT);
	EXPECT(hv_module_read(1000000, 0, &word, 8), -ENOENT);
	EXPECT(hv_module_read(0, ~0ull, &word, 8), 0);
}

static void memory(int vm)
{
	u64 word = 0x1122334455667788, back = 0;

	EXPECT(hv_gpa_map(vm, 1, 4096, HV_PROT_ALL), -EINVAL);
	EXPECT(hv_gpa_map(vm, 0, 0, HV_PROT_ALL), -EINVAL);
	EXPECT(hv_gpa_map(vm, BIT(46), 4096, HV_PROT_ALL), -EINVAL);
	EXPECT(hv_gpa_map(vm, 4096, ~0ull - 4095, HV_PROT_ALL), -EINVAL);
	EXPECT(hv_gpa_map(vm, 0, 4096, HV_PROT_WRITE), -EINVAL);
	EXPECT(hv_gpa_map(vm, 0, GiB(512), HV_PROT_ALL), -ENOMEM);

	/* Small pages, then a large one in their place. */
	EXPECT(hv_gpa_map(vm, 0, 4096, HV_PROT_ALL), 0);
	EXPECT(hv_gpa_map(vm, 0, 4096, HV_PROT_ALL), -EEXIST);
	EXPECT(hv_gpa_unmap(vm, 0, 8192), -ENOENT);
	EXPECT(hv_gpa_unmap(vm, 0, 4096), 0);
	EXPECT(hv_gpa_map(vm, 0, MEMORY, HV_PROT_ALL), 0);
	EXPECT(hv_gpa_map(vm, MEMORY, 4096, HV_PROT_READ), 0);

	/* Across the border of the two, and beyond. */
	EXPECT(hv_gpa_write(vm, MEMORY - 4, &word, 8), 0);
	EXPECT(hv_gpa_read(vm, MEMORY - 4, &back, 8), 0);
	expect("what was written", (s64)back, (s64)word);
	EXPECT(hv_gpa_write(vm, MEMORY + 4096 - 4, &word, 8), -EFAULT);
	EXPECT(hv_gpa_read(vm, MEMORY + 4096 - 4, &back, 8), -EFAULT);
	EXPECT(hv_gpa_read(vm, ~0ull - 3, &back, 8), -EFAULT);
	EXPECT(hv_gpa_read(vm, 0, &back, 0), 0);
	for (u64 i = 2; i < HV_MAX_REGIONS; i++)
		EXPECT(hv_gpa_map(vm, GiB(i), 4096, HV_PROT_ALL), 0);
	EXPECT(hv_gpa_map(vm, GiB(100), 4096, HV_PROT_ALL), -ENOSPC);
	EXPECT(hv_gpa_map_lazy(vm, GiB(100), 4096, HV_PROT_ALL), -EBUSY);
}

/* A vCPU runs each time that the memory beside its own has changed: `audit` watches the flushes. */
static void memory_in_use(void)
{
	static const u8 code[] = { 0xf4, 0xeb, 0xfd };		/* HLT; JMP to it */
	const struct hv_vcpu_start start = { .mode = HV_MODE_REAL, .rip = 0x8000, .rsp = 0x7000 };
	const u64 sizes[] = { 4096, MEMORY, 8192 };	/* a large page takes a table's place */
	struct hv_exit exit = { .reason = HV_EXIT_UNKNOWN };
	int vm = hv_machine_create();

	EXPECT(hv_gpa_map(vm, 0, MiB(1), HV_PROT_ALL), 0);
	EXPECT(hv_gpa_write(vm, 0x8000, code, sizeof(code)), 0);
	EXPECT(hv_vcpu_create(vm, 0, &start), 0);
	for (u64 i = 0; i < 2 * ARRAY_SIZE(sizes); i++) {
		EXPECT((i & 1 ? hv_gpa_unmap(vm, MEMORY, sizes[i / 2]) :
				hv_gpa_map(vm, MEMORY, sizes[i / 2], HV_PROT_ALL)), 0);
		EXPECT(hv_vcpu_run(vm, 0, &exit), 0);
		expect("a halting vCPU's exit", exit.reason, HV_EXIT_HLT);
	}
	EXPECT(hv_machine_destroy(vm), 0);
}

static void lazy_memory(void)
{
	const struct hv_vcpu_start start = { .mode = HV_MODE_REAL };
	u64 word = 0x1122334455667788, back = 0;
	int vm = hv_machine_create(), late = hv_machine_create();

	EXPECT(hv_gpa_map_lazy(vm, 1, 4096, HV_PROT_ALL), -EINVAL);
	EXPECT(hv_gpa_map_lazy(vm, BIT(46), 4096, HV_PROT_ALL), -EINVAL);
	EXPECT(hv_gpa_map_lazy(vm, 4096, ~0ull - 4095, HV_PROT_ALL), -EINVAL);
	EXPECT(hv_gpa_map_lazy(vm, 0, 4096, HV_PROT_WRITE), -EINVAL);
	EXPECT(hv_gpa_map_lazy(vm, 0, GiB(512), HV_PROT_ALL), 0);
	EXPECT(hv_gpa_map_lazy(vm, GiB(511), GiB(2), HV_PROT_ALL), -EEXIST);
	EXPECT(hv_gpa_map_lazy(vm, GiB(512), 4096, HV_PROT_READ), 0);
	EXPECT(hv_gpa_map(vm, GiB(600), 4096, HV_PROT_ALL), -EBUSY);

	/* Across the border of the two, and beyond. */
	EXPECT(hv_gpa_read(vm, GiB(512) - 4, &back, 8), 0);
	expect("what nobody wrote", (s64)back, 0);
	EXPECT(hv_gpa_write(vm, GiB(512) - 4, &word, 8), 0);
	EXPECT(hv_gpa_read(vm, GiB(512) - 4, &back, 8), 0);
	expect("what was written", (s64)back, (s64)word);
	EXPECT(hv_gpa_write(vm, GiB(512) + 4096 - 4, &word, 8), -EFAULT);
	EXPECT(hv_gpa_unmap(vm, GiB(512), 8192), -ENOENT);
	EXPECT(hv_gpa_unmap(vm, GiB(512), 4096), 0);
	EXPECT(hv_gpa_read(vm, GiB(512) - 4, &back, 8), -EFAULT);
	EXPECT(hv_machine_destroy(vm), 0);

	EXPECT(hv_vcpu_create(late, 0, &start), 0);
	EXPECT(hv_gpa_map_lazy(late, 0, 4096, HV_PROT_ALL), -EBUSY);
	EXPECT(hv_machine_destroy(late), 0);
}

static void vcpus(int vm)
{
	static struct hv_machine_config config;
	static struct hv_vcpu_state state;
	const struct hv_vcpu_start start = { .mode = HV_MODE_REAL, .rip = 0x8000, .rsp = 0x7000 };
	struct hv_vcpu_start bad = { .mode = (enum hv_mode)9 };
	struct hv_event event = { .type = HV_EVENT_EXCEPTION, .vector = 8 };
	struct hv_exit exit = { .reason = HV_EXIT_UNKNOWN };
	struct hv_refusal refusal;
	u64 gpa;
	u32 error;
	static const u8 code[] = { 0xeb, 0xfe };	/* JMP to itself */

	EXPECT(hv_gpa_write(vm, 0x8000, code, sizeof(code)), 0);
	config.cpuid_count = HV_MAX_CPUID + 1;
	EXPECT(hv_machine_configure(vm, &config), -EINVAL);
	config.cpuid_count = 0;
	config.msr_count = 1;		/* MSR 0 can't be the guest's own */
	EXPECT(hv_machine_configure(vm, &config), -EINVAL);
	config.msr_count = 0;
	config.budget = 3000000;
	EXPECT(hv_machine_configure(vm, &config), 0);

	EXPECT(hv_vcpu_create(vm, HV_MAX_VCPUS, &start), -EINVAL);
	EXPECT(hv_vcpu_create(vm, 0, &bad), -EINVAL);
	EXPECT(hv_vcpu_create(vm, 0, &start), 0);
	EXPECT(hv_vcpu_create(vm, 0, &start), -EEXIST);
	EXPECT(hv_machine_configure(vm, &config), -EBUSY);
	EXPECT(hv_vcpu_refusal(vm, 0, 0, &refusal), -ENOENT);

	EXPECT(hv_vcpu_ready(vm, 0), 0);	/* RFLAGS.IF is clear at a start */
	EXPECT(hv_vcpu_inject(vm, 0, &event), -EINVAL);
	event.type = HV_EVENT_INTR;
	EXPECT(hv_vcpu_inject(vm, 0, &event), 0);
	EXPECT(hv_vcpu_inject(vm, 0, &event), -EAGAIN);

	EXPECT(hv_gva_translate(vm, 1, 0, HV_PROT_READ, &gpa, &error), -ENOENT);
	EXPECT(hv_gva_translate(vm, HV_MAX_VCPUS, 0, HV_PROT_READ, &gpa, &error), -ENOENT);
	EXPECT(hv_gva_translate(vm, 0, 0, HV_ACCESS_IMPLICIT, &gpa, &error), -EINVAL);
	EXPECT(hv_gva_translate(vm, 0, 0, HV_PROT_READ | BIT(4), &gpa, &error), -EINVAL);
	EXPECT(hv_gva_translate(vm, 0, 0x1234567, HV_PROT_EXEC, &gpa, &error), 0);
	expect("an address without paging", (s64)gpa, 0x1234567);

	EXPECT(hv_vcpu_getstate(vm, 0, &state, HV_STATE_ALL), 0);
	state.cr0 = BIT(63);
	EXPECT(hv_vcpu_setstate(vm, 0, &state, HV_STATE_CRS), -EINVAL);
	state.xsave[520] = 1;		/* a header that XRSTOR would not take */
	EXPECT(hv_vcpu_setstate(vm, 0, &state, HV_STATE_FPU), -EINVAL);

	EXPECT(hv_vcpu_stop(vm, 0), 0);
	EXPECT(hv_vcpu_sleep(vm, 0, ~0ull), 1);	/* does not, as it shall stop */
	EXPECT(hv_vcpu_run(vm, 0, &exit), 0);
	expect("a stopped vCPU's exit", exit.reason, HV_EXIT_STOPPED);
	EXPECT(hv_vcpu_alarm(vm, 0, hv_clock()), 0);
	EXPECT(hv_vcpu_run(vm, 0, &exit), 0);
	expect("a vCPU's exit at the alarm", exit.reason, HV_EXIT_ALARM);
	EXPECT(hv_vcpu_run(vm, 0, &exit), 0);
	expect("a looping vCPU's exit", exit.reason, HV_EXIT_BUDGET);
	hv_thread_yield();
}

/* ---- HV_STATE_INSN -------------------------------------------------------------------------- */

#define CODE		0x8000ull
#define MEMORY_END	0xc000ull
#define NOWHERE		0xd000		/* STI; MOV AL, [NOWHERE]; HLT; JMP to HLT */

static const u8 insn_code[] = { 0xfb, 0xa0, NOWHERE & 0xff, NOWHERE >> 8, 0xf4, 0xeb, 0xfd };

static struct hv_vcpu_state insn_state;

/* @return what the vCPU's run ends with */
static enum hv_exit_reason run(int vm)
{
	struct hv_exit exit = { .reason = HV_EXIT_UNKNOWN };

	EXPECT(hv_vcpu_run(vm, 0, &exit), 0);
	return exit.reason;
}

/* Go on at `rip`. */
static int go_to(int vm, u64 rip, u64 groups)
{
	hv_vcpu_getstate(vm, 0, &insn_state, HV_STATE_ALL);
	insn_state.rip = rip;
	return hv_vcpu_setstate(vm, 0, &insn_state, groups);
}

static void expect_code(int vm, const char *what, u64 rip, u32 size)
{
	u8 bytes[sizeof(insn_state.code.bytes)];

	memset(&insn_state, 0xa5, sizeof(insn_state));
	EXPECT(hv_vcpu_getstate(vm, 0, &insn_state, HV_STATE_GPRS | HV_STATE_INSN), 0);
	expect(what, (s64)insn_state.rip, (s64)rip);
	expect(what, insn_state.code.size, size);
	expect(what, insn_state.code.bits, 16);
	expect(what, insn_state.code.implicit, false);
	EXPECT(hv_gpa_read(vm, rip, bytes, size), 0);
	expect(what, memcmp(insn_state.code.bytes, bytes, size), 0);
}

static u64 shadow(int vm)
{
	EXPECT(hv_vcpu_getstate(vm, 0, &insn_state, HV_STATE_INTR), 0);
	return insn_state.interrupt_shadow;
}

/* An instruction is done from outside: then its interrupt shadow is over, and not before. */
static void end_insn(int vm)
{
	const u64 insn = HV_STATE_GPRS | HV_STATE_INSN;

	expect("an exit at no memory", run(vm), HV_EXIT_MEMORY);
	expect_code(vm, "the code that exited", CODE + 1, 15);
	EXPECT(shadow(vm), 1);

	hv_vcpu_getstate(vm, 0, &insn_state, HV_STATE_ALL);
	insn_state.rip = CODE + 4;
	insn_state.cr0 = BIT(63);
	EXPECT(hv_vcpu_setstate(vm, 0, &insn_state, HV_STATE_CRS | insn), -EINVAL);
	expect_code(vm, "after a refusal", CODE + 1, 15);
	EXPECT(shadow(vm), 1);

	EXPECT(go_to(vm, CODE + 1, HV_STATE_GPRS), 0);	/* not done yet: it is there again */
	EXPECT(shadow(vm), 1);
	EXPECT(go_to(vm, CODE + 4, HV_STATE_ALL | HV_STATE_INSN), 0);
	EXPECT(shadow(vm), 0);
	expect_code(vm, "behind it", CODE + 4, 15);
	EXPECT(go_to(vm, CODE + 4, HV_STATE_INSN), 0);	/* twice is no more than once */
	expect("the next exit", run(vm), HV_EXIT_HLT);
	EXPECT(go_to(vm, 0, insn), 0);
	expect_code(vm, "address 0", 0, 15);
}

/* Code that ends with the memory, and code where there is none. */
static void code_at_the_end(int vm)
{
	EXPECT(go_to(vm, MEMORY_END - 2, HV_STATE_GPRS), 0);
	expect("an exit in the middle of code", run(vm), HV_EXIT_MEMORY);
	expect_code(vm, "half an instruction", MEMORY_END - 2, 2);
	EXPECT(go_to(vm, MEMORY_END, HV_STATE_GPRS), 0);
	expect("an exit without code", run(vm), HV_EXIT_MEMORY);
	expect_code(vm, "no code", MEMORY_END, 0);
}

static void insn(void)
{
	const struct hv_vcpu_start start = { .mode = HV_MODE_REAL, .rip = CODE, .rsp = 0x7000 };
	int vm = hv_machine_create();

	EXPECT(hv_gpa_map(vm, 0, MEMORY_END, HV_PROT_ALL), 0);
	EXPECT(hv_gpa_write(vm, CODE, insn_code, sizeof(insn_code)), 0);
	EXPECT(hv_gpa_write(vm, MEMORY_END - 2, insn_code + 1, 2), 0);
	EXPECT(hv_vcpu_create(vm, 0, &start), 0);
	expect_code(vm, "before the first run", CODE, 15);
	end_insn(vm);
	code_at_the_end(vm);
	EXPECT(hv_machine_destroy(vm), 0);
}

static void too_many(void)
{
	int ids[HV_MAX_VMS], n = 0, id;

	while (n < HV_MAX_VMS && (id = hv_machine_create()) > 0)
		ids[n++] = id;
	expect("machines", n, HV_MAX_VMS);
	EXPECT(hv_machine_create(), -ENOSPC);
	while (n > 0)
		EXPECT(hv_machine_destroy(ids[--n]), 0);
}

bool selftest_api(void)
{
	struct hv_capability before, after;
	int vm;

	hv_capability(&before);
	nobody_home();
	vm = hv_machine_create();
	memory(vm);
	vcpus(vm);
	EXPECT(hv_machine_destroy(vm), 0);
	memory_in_use();
	lazy_memory();
	insn();
	too_many();
	hv_capability(&after);
	expect("free memory at the end", (s64)after.memory_free, (s64)before.memory_free);
	vmm_printf("selftest api %s\n", failures ? "FAILED" : "passed");
	return !failures;
}
