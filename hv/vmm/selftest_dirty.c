/*
 * `selftest=dirty`: a guest writes to pages that are known; the log has these, and no others, each
 * time it is read. The guest reads a list of addresses and writes a byte to each, or reads one, if
 * bit 0 of the address is set.
 */
#include "lib/bitmap.h"
#include "lib/string.h"
#include "vmm/vmm.h"

#define MEMORY		MiB(16)
#define CODE		0x8000ull
#define LIST		0x10000ull	/* 64-bit addresses, ended by 0 */
#define LOG_AT		MiB(4)		/* the log's range; page tables are elsewhere */
#define PAGES		1024ull
#define ROUNDS		20
#define WRITES		40ull		/* in a round, besides as many reads */

/*
 * next: MOV RAX, [RSI]; ADD RSI, 8; TEST RAX, RAX; JZ done; TEST AL, 1; JNZ read; INC BYTE [RAX];
 * JMP next; read: MOV AL, [RAX]; JMP next; done: HLT
 */
static const u8 code[] = {
	0x48, 0x8b, 0x06, 0x48, 0x83, 0xc6, 0x08, 0x48, 0x85, 0xc0, 0x74, 0x0c, 0xa8, 0x01, 0x75,
	0x04, 0xfe, 0x00, 0xeb, 0xec, 0x8a, 0x00, 0xeb, 0xe8, 0xf4
};

static u32 failures;

static void expect(const char *what, s64 seen, s64 expected)
{
	if (seen == expected)
		return;
	vmm_printf("selftest dirty %s: expected %ld, seen %ld\n", what, expected, seen);
	failures++;
}
#define EXPECT(call, expected) expect(#call, (s64)(call), expected)

static u64 random_page(void)
{
	static u64 state = 88172645463325252;

	state ^= state << 13;		/* xorshift64: Marsaglia's generator */
	state ^= state >> 7;
	state ^= state << 17;
	return state % PAGES;
}

/* Have the guest go through the list. */
static void run(int vm, const u64 *list, u64 bytes)
{
	static struct hv_vcpu_state s;
	struct hv_exit x = { .reason = HV_EXIT_UNKNOWN };

	EXPECT(hv_gpa_write(vm, LIST, list, bytes), 0);
	EXPECT(hv_vcpu_getstate(vm, 0, &s, HV_STATE_GPRS), 0);
	s.rip = CODE;
	s.gpr[HV_RSI] = LIST;
	EXPECT(hv_vcpu_setstate(vm, 0, &s, HV_STATE_GPRS), 0);
	EXPECT(hv_vcpu_run(vm, 0, &x), 0);
	expect("the guest's exit", x.reason, HV_EXIT_HLT);
}

/* The log against what is known, in a part of its range. */
static void compare(int vm, const u64 *known, u64 first, u64 pages)
{
	static u64 log[BITMAP_WORDS(PAGES)];
	s64 count = 0;

	for (u64 i = first; i < first + pages; i++)
		count += bitmap_get(known, i);
	EXPECT(hv_dirty_read(vm, LOG_AT + first * 4096, pages * 4096, log), count);
	for (u64 i = 0; i < pages; i++) {
		if (bitmap_get(log, i) != bitmap_get(known, first + i))
			expect("a page", bitmap_get(log, i), bitmap_get(known, first + i));
	}
}

/* Writes and reads of the guest's; the host writes to a page, too. */
static void one_round(int vm, u64 *known)
{
	u64 list[2 * WRITES + 1], page = random_page();

	memset(known, 0, BITMAP_WORDS(PAGES) * 8);
	for (u64 i = 0; i < WRITES; i++) {
		u64 to = random_page();

		bitmap_set(known, to);
		list[2 * i] = LOG_AT + to * 4096 + 8 * i;
		list[2 * i + 1] = LOG_AT + random_page() * 4096 + 1;
	}
	list[2 * WRITES] = 0;
	run(vm, list, sizeof(list));
	EXPECT(hv_gpa_read(vm, LOG_AT + random_page() * 4096, list, 8), 0);
	EXPECT(hv_gpa_write(vm, LOG_AT + page * 4096 + 4095, "", 1), 0);
	bitmap_set(known, page);
}

static void errors(int vm)
{
	u64 map[BITMAP_WORDS(PAGES) + 1];

	EXPECT(hv_dirty_read(vm, LOG_AT, 4096, map), -ENOENT);
	EXPECT(hv_dirty_stop(vm), -ENOENT);
	EXPECT(hv_dirty_start(vm, LOG_AT + 1, 4096), -EINVAL);
	EXPECT(hv_dirty_start(vm, MEMORY - 4096, 8192), -EINVAL);
	EXPECT(hv_dirty_start(vm, MEMORY, 4096), -EINVAL);
	EXPECT(hv_dirty_start(vm, LOG_AT, 0), -EINVAL);
	EXPECT(hv_dirty_start(vm, LOG_AT, PAGES * 4096), 0);
	EXPECT(hv_dirty_start(vm, 0, 4096), -EBUSY);
	EXPECT(hv_gpa_unmap(vm, 0, MEMORY), -EBUSY);
	EXPECT(hv_dirty_read(vm, LOG_AT - 4096, 8192, map), -EINVAL);
	EXPECT(hv_dirty_read(vm, LOG_AT, (PAGES + 1) * 4096, map), -EINVAL);
	EXPECT(hv_dirty_read(vm, LOG_AT + PAGES * 4096, 4096, map), -EINVAL);
}

bool selftest_dirty(void)
{
	static const struct vmfile_vm config = { .memory = MEMORY, .lazy = true,
						 .mode = VMFILE_LONG };
	static u64 known[BITMAP_WORDS(PAGES)];
	struct vmm_vm vm = { .config = &config };

	if (vmm_create(&vm) || hv_gpa_write(vm.id, CODE, code, sizeof(code)) ||
	    vmm_start_vcpu(&vm, CODE))
		hv_fatal("self-test: a VM can't be made");
	one_round(vm.id, known);	/* some pages are there before the log is */
	errors(vm.id);
	for (u32 i = 0; i < ROUNDS; i++) {
		one_round(vm.id, known);
		compare(vm.id, known, 0, 100);
		compare(vm.id, known, 100, PAGES - 100);
	}
	memset(known, 0, sizeof(known));
	compare(vm.id, known, 0, PAGES);	/* each page is told once */
	EXPECT(hv_dirty_stop(vm.id), 0);
	one_round(vm.id, known);
	EXPECT(hv_dirty_start(vm.id, LOG_AT, PAGES * 4096), 0);
	memset(known, 0, sizeof(known));
	compare(vm.id, known, 0, PAGES);	/* what was before a log is not in it */
	hv_machine_destroy(vm.id);
	vmm_printf("selftest dirty %s\n", failures ? "FAILED" : "passed");
	return !failures;
}
