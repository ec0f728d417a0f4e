/*
 * `selftest=lazy`: memory of lazy VMs comes, is zero, and goes. The host is filled until there is
 * room for just ten small VMs. Then 1,000 of them live and die there, and nothing is missing.
 */
#include "lib/string.h"
#include "vmm/vmm.h"

#define ROOM	10
#define VMS	1000
#define PAGES	12		/* that each VM uses */
#define CODE	0x8000ull

static u32 failures;

static u64 memory_free(void)
{
	struct hv_capability c;

	hv_capability(&c);
	return c.memory_free;
}

static void complain(const char *what, u64 seen)
{
	vmm_printf("selftest lazy %s: %lu\n", what, seen);
	failures++;
}

/* Touch `n` pages, here and there in 64 GiB; each must be zero. @return 0, or -ENOMEM */
static int touch(int vm, u64 n)
{
	for (u64 i = 0; i < n; i++) {
		u64 at = (i * 7 % PAGES) * MiB(1) + (i & 1 ? GiB(63) : MiB(1)), word = 1;
		int err = hv_gpa_read(vm, at, &word, sizeof(word));

		if (err)
			return err;
		if (word)
			complain("a new page has in it", word);
		word = ~at;
		err = hv_gpa_write(vm, at, &word, sizeof(word));
		if (err)
			return err;
	}
	return 0;
}

/* A guest writes a byte, and halts. */
static int run(int vm)
{
	static const u8 code[] = { 0xa2, 0x00, 0x90, 0xf4 };	/* MOV [0x9000], AL; HLT */
	const struct hv_vcpu_start start = { .mode = HV_MODE_REAL, .rip = CODE, .rsp = 0x7000 };
	struct hv_exit x = { .reason = HV_EXIT_UNKNOWN };
	int err = hv_gpa_write(vm, CODE, code, sizeof(code)) ?:
		  hv_vcpu_create(vm, 0, &start) ?: hv_vcpu_run(vm, 0, &x);

	if (err)
		return err;
	if (x.reason == HV_EXIT_NO_MEMORY)
		return -ENOMEM;
	if (x.reason != HV_EXIT_HLT)
		complain("a guest ended with exit reason", x.reason);
	return 0;
}

/* @return its id; -ENOMEM, and nothing is left of it */
static int make(void)
{
	int vm = hv_machine_create();
	int err = vm < 0 ? vm : hv_gpa_map_lazy(vm, 0, GiB(64), HV_PROT_ALL) ?:
				run(vm) ?: touch(vm, PAGES);

	if (err && vm > 0)
		hv_machine_destroy(vm);
	return err ?: vm;
}

static u64 cost_of_one(void)
{
	u64 before = memory_free(), cost;
	int vm = make();

	if (vm < 0)
		hv_fatal("self-test: a lazy VM can't be made");
	cost = before - memory_free();
	hv_machine_destroy(vm);
	if (memory_free() != before)
		complain("bytes lost by one VM", before - memory_free());
	return cost;
}

/* A VM that leaves `room` bytes free, or a table's pages less. */
static int fill(u64 room)
{
	int vm = hv_machine_create();
	u8 byte = 0x6b;

	hv_gpa_map_lazy(vm, 0, GiB(64), HV_PROT_ALL);
	for (u64 at = 0; memory_free() > room; at += 4096) {
		if (hv_gpa_write(vm, at, &byte, 1))
			hv_fatal("self-test: the host can't be filled");
	}
	return vm;
}

static void thousand(void)
{
	int vm[ROOM] = { 0 };
	u64 before = memory_free();
	u32 made = 0;

	for (u32 i = 0; i < VMS; i++) {
		int *slot = &vm[(i * 7 + i / ROOM) % ROOM];

		if (*slot)
			hv_machine_destroy(*slot);
		*slot = make();
		if (*slot < 0) {
			complain("no memory for VM", i);
			*slot = 0;
			break;
		}
		made++;
		if (i == ROOM - 1 && make() != -ENOMEM)
			complain("there is room for VM", i + 1);
	}
	for (u32 i = 0; i < ROOM; i++) {
		if (vm[i])
			hv_machine_destroy(vm[i]);
	}
	vmm_printf("selftest lazy VMs=%u free before=%lu after=%lu\n", made, before, memory_free());
	if (memory_free() != before)
		complain("bytes lost", before - memory_free());
}

bool selftest_lazy(void)
{
	u64 before = memory_free(), cost = cost_of_one();
	int filler = fill(ROOM * cost + cost / 2);

	thousand();
	hv_machine_destroy(filler);
	if (memory_free() != before)
		complain("bytes lost in all", before - memory_free());
	vmm_printf("selftest lazy %s\n", failures ? "FAILED" : "passed");
	return !failures;
}
