/* See p2m_audit.h. */
#include "mm/p2m_audit.h"

#include "core/cpu.h"
#include "core/panic.h"
#include "hvm/hvm.h"
#include "lib/printf.h"
#include "mm/pmm.h"

#define TOP_LEVEL	4
#define ENTRIES		512
#define RECORDS		((PAGE_SIZE - 2 * sizeof(u64)) / sizeof(struct record))

/* An entry that was present at the last look. */
struct record {
	u64 at;			/* guest physical address; its lowest bits have the level */
	u64 entry;
};

struct audit_page {
	struct audit_page *next;
	u64 used;
	struct record record[RECORDS];
};
static_assert(sizeof(struct audit_page) == PAGE_SIZE, "it is allocated as one");

static const struct hvm_ops *real;	/* the back end */

/* ---- To remember ---------------------------------------------------------------------------- */

/* Where the next record goes. */
struct pen {
	struct audit_page **page;	/* NULL: there was none left, and no more is remembered */
};

static void record_add(struct pen *pen, u64 at, u64 entry)
{
	if (pen->page && *pen->page && (*pen->page)->used == RECORDS)
		pen->page = &(*pen->page)->next;
	if (pen->page && !*pen->page)
		*pen->page = page_alloc();
	if (pen->page && *pen->page)
		(*pen->page)->record[(*pen->page)->used++] = (struct record){ at, entry };
	else
		pen->page = NULL;
}

/* A table's entry comes before those in it. */
static void record_table(struct pen *pen, hpa_t table, unsigned int level, u64 at)
{
	const u64 *entry = phys_to_virt(table);

	for (u32 i = 0; i < ENTRIES; i++, at += pte_span(level)) {
		struct pte p;

		if (!entry[i])
			continue;
		p = real->pte_decode(entry[i], level);
		if (!p.prot)
			continue;
		record_add(pen, at | level, entry[i]);
		if (!p.leaf)
			record_table(pen, p.hpa, level - 1, at);
	}
}

static void record_all(struct vcpu *v)
{
	struct pen pen = { .page = &v->audit.pages };

	for (struct audit_page *page = v->audit.pages; page; page = page->next)
		page->used = 0;
	record_table(&pen, v->vm->p2m_root, TOP_LEVEL, 0);
}

/* ---- To compare ----------------------------------------------------------------------------- */

struct words {
	char text[80];
};

static struct words describe(const struct pte *p)
{
	static const char *const types[] = { "WB", "WT", "UC" };
	struct words w = { .text = "not mapped" };

	if (p->prot && !p->leaf)
		snprintf(w.text, sizeof(w.text), "in the table at 0x%lx", p->hpa.v);
	else if (p->prot)
		snprintf(w.text, sizeof(w.text), "at 0x%lx (%s%s%s %s%s%s)", p->hpa.v,
			 p->prot & HV_PROT_READ ? "r" : "-", p->prot & HV_PROT_WRITE ? "w" : "-",
			 p->prot & HV_PROT_EXEC ? "x" : "-", types[p->type],
			 p->accessed ? " accessed" : "", p->dirty ? " dirty" : "");
	return w;
}

/*
 * May a CPU go on with `old`? It has to find the same memory of the same type, and no right that is
 * none any more. It sets the accessed and the dirty bit of what it caches, and not again later; so
 * nobody may have cleared them. And it may begin its next walk at a table that it knows.
 */
static void check(const struct vm *vm, hpa_t table, unsigned int level, u64 at, struct pte old)
{
	const u64 *entry = phys_to_virt(table);
	struct pte new = real->pte_decode(entry[at / pte_span(level) % ENTRIES], level);

	if (old.leaf && new.prot && !new.leaf) {	/* smaller pages: each must say the same */
		u64 span = pte_span(level - 1);

		for (u32 i = 0; i < ENTRIES; i++, at += span, old.hpa.v += span)
			check(vm, new.hpa, level - 1, at, old);
		return;
	}
	if (old.hpa.v != new.hpa.v || old.leaf != new.leaf || old.type != new.type ||
	    old.prot & ~new.prot || old.accessed > new.accessed || old.dirty > new.dirty)
		panic("stale translation: 0x%lx was %s, is %s, and the generation is still %lu",
		      at, describe(&old).text, describe(&new).text, vm->p2m_generation);
}

/* What a table's record says has been checked before those of its entries, so it is there. */
static void check_all(const struct vcpu *v)
{
	hpa_t table[TOP_LEVEL + 1] = { [TOP_LEVEL] = v->vm->p2m_root };

	for (const struct audit_page *page = v->audit.pages; page; page = page->next) {
		for (u64 i = 0; i < page->used; i++) {
			u64 at = page->record[i].at;
			unsigned int level = at % PAGE_SIZE;
			struct pte old = real->pte_decode(page->record[i].entry, level);

			check(v->vm, table[level], level, at - level, old);
			if (!old.leaf)
				table[level - 1] = old.hpa;
		}
	}
}

/* Can a CPU go on with what was there at the last look? From now on, with what is there now. */
static void look(struct vcpu *v)
{
	if (v->audit.generation == v->vm->p2m_generation)
		check_all(v);		/* or all that is cached will be dropped */
	record_all(v);
}

/* ---- In between ----------------------------------------------------------------------------- */

static void audit_run(struct vcpu *v, struct hv_exit *x)
{
	struct p2m_audit *a = &v->audit;
	u64 now = v->vm->p2m_generation;
	bool flushes = real->flushes(v);

	look(v);
	if (a->generation != now && !flushes)
		panic("no flush: the generation is %lu, and was %lu when this CPU dropped "
		      "translations of vCPU %u", now, a->generation, v->index);
	if (a->generation == now && flushes && !a->loaded)
		panic("flush without need: the generation is still %lu", now);
	a->generation = now;
	a->loaded = false;
	real->run(v, x);
	look(v);		/* more is accessed and dirty now */
}

/* Another vCPU has had this CPU, and may have had the same ASID: this may flush, too. */
static void audit_load(struct vcpu *v)
{
	v->audit.loaded = true;
	if (v->who.cpu != this_cpu()->id)
		v->audit.generation = 0;
	real->vcpu_load(v);
}

static void audit_fini(struct vcpu *v)
{
	while (v->audit.pages) {
		struct audit_page *page = v->audit.pages;

		v->audit.pages = page->next;
		page_free(page);
	}
	real->vcpu_fini(v);
}

void p2m_audit_start(void)
{
	static struct hvm_ops audited;

	real = hvm;
	audited = *real;
	audited.run = audit_run;
	audited.vcpu_load = audit_load;
	audited.vcpu_fini = audit_fini;
	hvm = &audited;
}
