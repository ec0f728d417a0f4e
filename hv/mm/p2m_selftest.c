/*
 * See p2m_selftest.h. Nothing is behind most of the host addresses here: tables are made and
 * looked at, and no guest runs on them, but for the last test.
 */
#include "mm/p2m_selftest.h"

#include "core/console.h"
#include "core/panic.h"
#include "hvm/hvm.h"
#include "mm/ept.h"
#include "mm/npt.h"
#include "mm/p2m.h"
#include "mm/pmm.h"

#define RW		(HV_PROT_READ | HV_PROT_WRITE)
#define RX		(HV_PROT_READ | HV_PROT_EXEC)
#define PLENTY		4096		/* tables */
#define HOST		GiB(4)		/* where pages are said to be in the host */

static u32 failures;

static void expect(const char *what, u64 seen, u64 expected)
{
	if (seen == expected)
		return;
	printf("selftest p2m %s: expected 0x%lx, seen 0x%lx\n", what, expected, seen);
	failures++;
}
#define EXPECT(seen, expected) expect(#seen, (u64)(seen), (u64)(expected))

static struct vm *make(void)
{
	struct vm *vm = vm_of(hv_machine_create());

	if (!vm || hv_gpa_map_lazy(vm->id, 0, MiB(1), HV_PROT_ALL))
		panic("self-test: no VM can be made");
	vm->p2m_limit = PLENTY;
	return vm;
}

/* How an address is translated, in one number that can be compared; 0: it is not. */
static u64 look(const struct vm *vm, u64 at)
{
	struct p2m_walk w = p2m_walk(vm, gpa(at), 1);

	return w.pte.prot ? (w.pte.hpa.v + at % pte_span(w.level)) << 8 | (u64)w.pte.type << 4 |
			    w.pte.prot : 0;
}

static u64 translation(u64 to, u32 prot, enum memtype type)
{
	return to << 8 | (u64)type << 4 | prot;
}

/* ---- Entries -------------------------------------------------------------------------------- */

static bool same(const struct pte *a, const struct pte *b)
{
	return a->hpa.v == b->hpa.v && a->prot == b->prot && a->leaf == b->leaf &&
	       a->type == b->type && a->accessed == b->accessed && a->dirty == b->dirty;
}

/* What is written in either format reads the same; what is in it but for that, manuals say. */
static void formats(void)
{
	for (u32 i = 0; i < 2 * 3 * 3 * 4; i++) {
		unsigned int level = i / 4 % 3 + 1;
		struct pte p = { .hpa = hpa(GiB(8) + pte_span(level)), .leaf = true,
				 .prot = i & 1 ? HV_PROT_ALL : i & 2 ? RX : RW,
				 .type = (enum memtype)(i / 12 % 3), .accessed = i & 1,
				 .dirty = i >= 36 };
		struct pte n = npt_decode(npt_encode(p, level), level);
		struct pte e = ept_decode(ept_encode(p, level), level);

		EXPECT(same(&n, &p), true);
		EXPECT(same(&e, &p), true);
	}
	EXPECT(npt_decode(0, 1).prot, 0);
	EXPECT(ept_decode(0, 1).prot, 0);
	EXPECT(npt_decode(0x80000000002000e7, 2).prot, RW);
	EXPECT(npt_decode(0x80000000002000e7, 2).hpa.v, MiB(2));
	EXPECT(npt_decode(0x201067, 2).leaf, false);
	EXPECT(npt_decode(0x2010ff, 1).type, MEMTYPE_UC);
	EXPECT(ept_decode(0x3b5, 1).prot, RX);
	EXPECT(ept_decode(0x3b5, 1).dirty, true);
	EXPECT(ept_decode(0x201007, 2).leaf, false);
	EXPECT(ept_decode(0x201007, 1).type, MEMTYPE_UC);
}

/* ---- Pages of all sizes ---------------------------------------------------------------------- */

/* How many bytes of tables 1 GiB takes in pages of one size. */
static u64 table_bytes(unsigned int level)
{
	struct vm *vm = make();
	u64 bytes;

	for (u64 at = 0; at < GiB(1); at += pte_span(level)) {
		if (p2m_map(vm, gpa(at), hpa(HOST + at), level, RW, MEMTYPE_WB))
			panic("self-test: 1 GiB can't be mapped");
	}
	EXPECT(look(vm, GiB(1) - 1), translation(HOST + GiB(1) - 1, RW, MEMTYPE_WB));
	EXPECT(look(vm, GiB(1)), 0);
	bytes = vm->p2m_pages * PAGE_SIZE;
	EXPECT(p2m_unmap(vm, gpa(0), 2), 0);	/* or its end would free pages that are none */
	EXPECT(look(vm, 0), 0);
	EXPECT(look(vm, MiB(2)), translation(HOST + MiB(2), RW, MEMTYPE_WB));
	EXPECT(hv_machine_destroy(vm->id), 0);
	return bytes;
}

static void sizes(void)
{
	u64 small = table_bytes(1), large = table_bytes(2);

	EXPECT(small, (3 + 512) * PAGE_SIZE);	/* root, levels 3 and 2; a table for each 2 MiB */
	EXPECT(large, 3 * PAGE_SIZE);
	printf("selftest p2m tables of 1 GiB: 4K=%lu 2M=%lu", small, large);
	if (hvm_caps.page_1g)
		printf(" 1G=%lu", table_bytes(3));
	printf("\n");
}

/* Pages that a VM takes when it is made, with one vCPU; of memory that is fixed, `given` to it. */
static u64 idle_pages(int (*map)(int, u64, u64, u32), u64 size, u64 given)
{
	const struct hv_vcpu_start start = { .mode = HV_MODE_REAL };
	u64 before = pmm_free_pages(), pages;
	int vm = hv_machine_create();

	EXPECT(map(vm, 0, size, HV_PROT_ALL), 0);
	EXPECT(hv_vcpu_create(vm, 0, &start), 0);
	pages = before - pmm_free_pages() - given;
	EXPECT(hv_machine_destroy(vm), 0);
	return pages;
}

static void idle(void)
{
	printf("selftest p2m pages of an idle VM: lazy=%lu flat=%lu\n",
	       idle_pages(hv_gpa_map_lazy, MiB(64), 0),
	       idle_pages(hv_gpa_map, MiB(64), MiB(64) / PAGE_SIZE));
}

/* The generation rises when, and only when, a cached translation may be wrong. */
static void changes(struct vm *vm, const char *what, bool expected)
{
	static u64 before;

	if (*what)
		expect(what, vm->p2m_generation != before, expected);
	before = vm->p2m_generation;
}

static void split_and_merge(void)
{
	const u64 at = GiB(2), odd = at + MiB(6) + KiB(12) + 5;
	const u64 there = translation(HOST + odd - at, RX, MEMTYPE_WT);
	unsigned int top = hvm_caps.page_1g ? 3 : 2;
	struct vm *vm = make();
	u64 pages;

	EXPECT(p2m_split(vm, gpa(at)), -ENOENT);
	for (u64 i = 0; i < (top == 3 ? 1 : 512); i++)
		EXPECT(p2m_map(vm, gpa(at + i * MiB(2)), hpa(HOST + i * MiB(2)), top, RX,
			       MEMTYPE_WT), 0);
	pages = vm->p2m_pages;
	changes(vm, "", false);
	for (unsigned int level = top; level > 1; level--) {
		EXPECT(p2m_walk(vm, gpa(odd), 1).level, level);
		EXPECT(p2m_split(vm, gpa(odd)), 0);
		changes(vm, "a split", true);
		EXPECT(look(vm, odd), there);
	}
	EXPECT(vm->p2m_pages, pages + top - 1);
	EXPECT(p2m_split(vm, gpa(odd)), -EINVAL);
	EXPECT(p2m_merge(vm, gpa(odd), 1), -EINVAL);
	EXPECT(p2m_merge(vm, gpa(odd), 3), -EINVAL);	/* not while one of its parts is a table */

	EXPECT(p2m_protect(vm, gpa(at + MiB(6)), PAGE_SIZE, HV_PROT_READ), 0);
	changes(vm, "less rights", true);
	EXPECT(p2m_merge(vm, gpa(odd), 2), -EINVAL);
	EXPECT(p2m_protect(vm, gpa(at + MiB(6)), PAGE_SIZE, RX), 0);
	changes(vm, "more rights", false);
	for (unsigned int level = 2; level <= top; level++) {
		EXPECT(p2m_merge(vm, gpa(odd), level), 0);
		changes(vm, "a merge", true);
		EXPECT(p2m_walk(vm, gpa(odd), 1).level, level);
		EXPECT(look(vm, odd), there);
	}
	EXPECT(vm->p2m_pages, pages);
	EXPECT(hv_machine_destroy(vm->id), 0);
}

static void refusals(void)
{
	const hpa_t to = hpa(HOST);
	struct vm *vm = make();

	EXPECT(p2m_map(vm, gpa(KiB(4)), to, 2, RW, MEMTYPE_WB), -EINVAL);
	EXPECT(p2m_map(vm, gpa(0), hpa(HOST + KiB(4)), 2, RW, MEMTYPE_WB), -EINVAL);
	EXPECT(p2m_map(vm, gpa(BIT(48)), to, 1, RW, MEMTYPE_WB), -EINVAL);
	EXPECT(p2m_map(vm, gpa(0), to, 4, RW, MEMTYPE_WB), -EINVAL);
	EXPECT(p2m_map(vm, gpa(0), to, 1, HV_PROT_WRITE, MEMTYPE_WB), -EINVAL);
	EXPECT(p2m_protect(vm, gpa(0), 5, RW), -EINVAL);
	if (!hvm_caps.page_1g)
		EXPECT(p2m_map(vm, gpa(0), to, 3, RW, MEMTYPE_WB), -EINVAL);

	EXPECT(p2m_map(vm, gpa(MiB(4)), to, 1, RW, MEMTYPE_WB), 0);
	EXPECT(p2m_map(vm, gpa(MiB(4)), to, 1, RW, MEMTYPE_WB), -EEXIST);
	EXPECT(p2m_map(vm, gpa(MiB(4)), to, 2, RW, MEMTYPE_WB), -EEXIST);
	EXPECT(p2m_unmap(vm, gpa(MiB(4)), 1), 0);
	EXPECT(p2m_map(vm, gpa(MiB(4)), to, 2, RW, MEMTYPE_WB), 0);	/* in the table's place */
	EXPECT(p2m_map(vm, gpa(MiB(4) + KiB(4)), to, 1, RW, MEMTYPE_WB), -EEXIST);
	EXPECT(p2m_unmap(vm, gpa(GiB(3)), 1), 0);

	vm->p2m_limit = vm->p2m_pages;
	EXPECT(p2m_split(vm, gpa(MiB(4))), -ENOSPC);
	EXPECT(p2m_map(vm, gpa(GiB(5)), to, 1, RW, MEMTYPE_WB), -ENOSPC);
	EXPECT(p2m_unmap(vm, gpa(MiB(4)), 1), -ENOSPC);
	EXPECT(look(vm, MiB(4)), translation(HOST, RW, MEMTYPE_WB));
	EXPECT(p2m_map(vm, gpa(MiB(8)), to, 2, RW, MEMTYPE_WB), 0);	/* needs none */
	EXPECT(hv_machine_destroy(vm->id), 0);
}

/* ---- By chance ------------------------------------------------------------------------------ */

#define MODEL_PAGES	1536		/* of 4 KiB: three large ones */
#define MODEL_AT	GiB(1)
#define STEPS		300

static u64 model[MODEL_PAGES];		/* as look() has it */

/* Each is tried at a random place; what it returns has to fit to the model. */
static void random_step(struct vm *vm, u64 random)
{
	u64 page = random % MODEL_PAGES, many = random >> 16 & 255, what = random >> 32 & 7;
	unsigned int level = random >> 40 & 1 ? 2 : 1;
	u64 size = pte_span(level) / PAGE_SIZE, first = ROUND_DOWN(page, size), used = 0;
	u32 prot = random >> 48 & 1 ? RW : RX;
	u64 to = HOST + first * PAGE_SIZE, at = MODEL_AT + first * PAGE_SIZE;

	if (what == 0) {
		p2m_split(vm, gpa(at));		/* these two change nothing that can be seen */
	} else if (what == 1) {
		p2m_merge(vm, gpa(at), 2);
	} else if (what <= 3) {
		EXPECT(p2m_unmap(vm, gpa(at), level), 0);
		for (u64 i = first; i < first + size; i++)
			model[i] = 0;
	} else if (what <= 5) {
		for (u64 i = first; i < first + size; i++)
			used |= model[i];
		EXPECT(p2m_map(vm, gpa(at), hpa(to), level, prot, MEMTYPE_WB),
		       used ? -EEXIST : 0);
		for (u64 i = first; i < first + size && !used; i++)
			model[i] = translation(HOST + i * PAGE_SIZE, prot, MEMTYPE_WB);
	} else {
		many = page + many < MODEL_PAGES ? many : MODEL_PAGES - page;
		at = MODEL_AT + page * PAGE_SIZE;
		EXPECT(p2m_protect(vm, gpa(at), many * PAGE_SIZE, prot), 0);
		for (u64 i = page; i < page + many; i++)
			model[i] = model[i] ? (model[i] & ~(u64)HV_PROT_ALL) | prot : 0;
	}
}

static void by_chance(void)
{
	struct vm *vm = make();
	u64 random = 88172645463325252;

	for (u32 step = 0; step < STEPS && !failures; step++) {
		random ^= random << 13;		/* xorshift64: Marsaglia's generator */
		random ^= random >> 7;
		random ^= random << 17;
		random_step(vm, random);
		for (u64 i = 0; i < MODEL_PAGES; i++) {
			if (look(vm, MODEL_AT + i * PAGE_SIZE) != model[i])
				expect("a page after a random step", look(vm, MODEL_AT +
				       i * PAGE_SIZE), model[i]);
		}
	}
	EXPECT(hv_machine_destroy(vm->id), 0);
}

/* ---- With a guest --------------------------------------------------------------------------- */

/* Real mode: MOV AL, [0x5000]; MOV [0x6000], AL; HLT; and back to the start */
static const u8 code[] = { 0xa0, 0x00, 0x50, 0xa2, 0x00, 0x60, 0xf4, 0xeb, 0xf7 };

static void run(struct vm *vm)
{
	struct hv_exit x = { .reason = HV_EXIT_UNKNOWN };

	EXPECT(hv_vcpu_run(vm->id, 0, &x), 0);
	EXPECT(x.reason, HV_EXIT_HLT);
	EXPECT(vm->vcpu[0]->p2m_seen, vm->p2m_generation);
}

static u64 age(struct vm *vm, u64 at)
{
	bool accessed = false, dirty = false;

	EXPECT(p2m_age(vm, gpa(at), &accessed, &dirty), 0);
	return accessed | (u64)dirty << 1;
}

static void with_a_guest(void)
{
	const struct hv_vcpu_start start = { .mode = HV_MODE_REAL, .rip = 0x8000, .rsp = 0x7000 };
	struct vm *vm = make();
	u8 byte = 0x77, back = 0;

	EXPECT(hv_gpa_write(vm->id, 0x8000, code, sizeof(code)), 0);
	EXPECT(hv_gpa_write(vm->id, 0x5000, &byte, 1), 0);
	EXPECT(hv_vcpu_create(vm->id, 0, &start), 0);
	EXPECT(hv_gpa_map_lazy(vm->id, GiB(1), MiB(1), RW), 0);
	run(vm);
	EXPECT(hv_gpa_read(vm->id, 0x6000, &back, 1), 0);
	EXPECT(back, byte);
	if (vm->ops->pte_ages()) {
		EXPECT(age(vm, 0x5000), 1);
		EXPECT(age(vm, 0x6000), 3);
		EXPECT(age(vm, 0x6000), 0);
		run(vm);
		EXPECT(age(vm, 0x6000), 3);
		run(vm);
		EXPECT(age(vm, 0x5000), 1);	/* alone: that has to make the CPU forget, too */
		run(vm);
		EXPECT(age(vm, 0x5000), 1);
	}
	/* Fewer rights show in the next run, and that is what the exit says. */
	EXPECT(p2m_protect(vm, gpa(0x6000), PAGE_SIZE, HV_PROT_READ), 0);
	EXPECT(vm->vcpu[0]->p2m_seen != vm->p2m_generation, true);
	EXPECT(vm->vcpu[0]->at_entry, true);
	EXPECT(hv_machine_destroy(vm->id), 0);
}

bool p2m_selftest(void)
{
	u64 before = pmm_free_pages();

	formats();
	sizes();
	idle();
	split_and_merge();
	refusals();
	by_chance();
	with_a_guest();
	EXPECT(pmm_free_pages(), before);
	printf("selftest p2m %s\n", failures ? "FAILED" : "passed");
	return !failures;
}
