/* See p2m_script.h. */
#include "mm/p2m_script.h"

#include "core/console.h"
#include "core/milestone.h"
#include "core/panic.h"
#include "hvm/hvm.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/p2m.h"
#include "mm/pmm.h"

#define MAX_WORDS	8
#define PLENTY		4096		/* tables */
#define ELSEWHERE	BIT(45)		/* where the VM is said to have its memory */

/* Both formats have these alike: npt.h, ept.h. */
#define ENTRY_PAGE	BIT(7)
#define ENTRY_ADDR	0x000ffffffffff000ull

static u32 number;			/* of the step */
static struct vm *vm;
static u64 pages_before;		/* that were free in the host */
static char *name;			/* of the step, or NULL */
static char *word[MAX_WORDS];		/* of the step; those that it lacks are "" */
static const struct hvm_ops *real;	/* the back end */
static bool has_linked;			/* the step has put a table into another */
static u64 linked;			/* entries that there were in it */

/* ---- Words ---------------------------------------------------------------------------------- */

static __noreturn void not_understood(u32 index)
{
	panic("p2m=: step %u, word %u: \"%s\" is not understood", number, index, word[index]);
}

static u64 value_of(u32 index)
{
	u64 value = 0;

	if (!*word[index])
		not_understood(index);
	for (const char *c = word[index]; *c; c++) {
		if (*c >= '0' && *c <= '9')
			value = value << 4 | (u64)(*c - '0');
		else if (*c >= 'a' && *c <= 'f')
			value = value << 4 | (u64)(*c - 'a' + 10);
		else
			not_understood(index);
	}
	return value;
}

static u32 prot_of(u32 index)
{
	u32 prot = 0;

	for (const char *c = word[index]; *c; c++) {
		if (!strchr("rwx", *c))
			not_understood(index);
		prot |= *c == 'r' ? HV_PROT_READ : *c == 'w' ? HV_PROT_WRITE : HV_PROT_EXEC;
	}
	return prot;
}

static enum memtype type_of(u32 index)
{
	static const char *const names[] = { [MEMTYPE_WB] = "wb", [MEMTYPE_WT] = "wt",
					     [MEMTYPE_UC] = "uc" };

	for (u32 i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(word[index], names[i]))
			return (enum memtype)i;
	}
	if (*word[index])
		not_understood(index);
	return MEMTYPE_WB;
}

static gpa_t at(void)
{
	return gpa(value_of(1));
}

static unsigned int level_of(u32 index)
{
	u64 level = value_of(index);

	if (!level || level > 5)	/* 5 is none, and who gets it should say so */
		not_understood(index);
	return (unsigned int)level;
}

/* ---- What there is to see ------------------------------------------------------------------- */

static void see(const char *what, u64 value)
{
	char text[64];

	if (name)
		snprintf(text, sizeof(text), "%s.%s", name, what);
	else
		snprintf(text, sizeof(text), "%u.%s", number, what);
	milestone_see(text, value);
}

static void see_pte(const struct pte *p)
{
	see("hpa", p->hpa.v);
	see("prot", p->prot);
	see("leaf", p->leaf);
	see("type", p->type);
	see("accessed", p->accessed);
	see("dirty", p->dirty);
}

static void see_walk(const struct p2m_walk *w)
{
	see("level", w->level);
	see("entry", *w->entry);
	see_pte(&w->pte);
}

/* How many entries from `i` on map pages that follow each other in the host, in the same way. */
static u32 run_of(const u64 *table, u32 i, unsigned int level)
{
	u32 run = 1;

	while (i + run < 512 && table[i + run] == table[i] + run * pte_span(level))
		run++;
	return run;
}

/* Tables are numbered as they come. @return the number of the next */
static u32 show_table(const u64 *table, unsigned int level, u32 table_number)
{
	u32 next = table_number + 1, run;
	char place[24];

	for (u32 i = 0; i < 512; i += run) {
		bool page = level == 1 || (level < 4 && table[i] & ENTRY_PAGE);

		run = table[i] && page ? run_of(table, i, level) : 1;
		snprintf(place, sizeof(place), run > 1 ? "%u[%u-%u]" : "%u[%u]", table_number, i,
			 i + run - 1);
		if (table[i] && page) {
			see(place, table[i]);
		} else if (table[i]) {
			see(place, (table[i] & ~ENTRY_ADDR) | (u64)next << PAGE_SHIFT);
			next = show_table(phys_to_virt(hpa(table[i] & ENTRY_ADDR)), level - 1,
					  next);
		}
	}
	return next;
}

/* vm->ops->pte_encode: the entry of a table is made when that is put into another. */
static u64 encode_and_watch(struct pte p, unsigned int level)
{
	const u64 *table = phys_to_virt(p.hpa);

	if (p.prot && !p.leaf && p.hpa.v < pmm_top()) {
		has_linked = true;
		for (u32 i = 0; i < 512; i++)
			linked += table[i] != 0;
	}
	return real->pte_encode(p, level);
}

/* ---- Steps ---------------------------------------------------------------------------------- */

static s64 do_map(void)
{
	return p2m_map(vm, at(), hpa(value_of(2)), level_of(3), prot_of(4), type_of(5));
}

static s64 do_unmap(void)
{
	return p2m_unmap(vm, at(), level_of(2));
}

static s64 do_protect(void)
{
	return p2m_protect(vm, at(), value_of(2), prot_of(3));
}

static s64 do_split(void)
{
	return p2m_split(vm, at());
}

static s64 do_merge(void)
{
	return p2m_merge(vm, at(), level_of(2));
}

static s64 do_age(void)
{
	bool accessed = false, dirty = false;
	int err = p2m_age(vm, at(), &accessed, &dirty);

	see("was accessed", accessed);
	see("was dirty", dirty);
	return err;
}

static s64 do_walk(void)
{
	struct p2m_walk w = p2m_walk(vm, at(), level_of(2));

	see_walk(&w);
	return 0;
}

static s64 do_next(void)
{
	struct p2m_walk w;
	gpa_t next = at();
	bool found = p2m_next(vm, &next, value_of(2), &w);

	if (found) {
		see("at", next.v);
		see_walk(&w);
	}
	return found;
}

/* An entry: its address is the word `index`, and LEAF:PROT:TYPE:AD begin at the word `more`. */
static struct pte pte_of(u32 index, u32 more)
{
	return (struct pte){ .hpa = hpa(value_of(index)), .leaf = value_of(more),
			     .prot = prot_of(more + 1), .type = type_of(more + 2),
			     .accessed = value_of(more + 3) & 1,
			     .dirty = value_of(more + 3) >> 1 & 1 };
}

static s64 do_encode(void)
{
	see("entry", real->pte_encode(pte_of(1, 3), level_of(2)));
	return 0;
}

static s64 do_decode(void)
{
	struct pte p = real->pte_decode(value_of(1), level_of(2));

	see_pte(&p);
	return 0;
}

/* The entry for at() at `level`, by hand. `make`: and the tables on the way. */
static u64 *slot(unsigned int level, bool make)
{
	u64 *table = phys_to_virt(vm->p2m_root);

	for (unsigned int l = 4;; l--) {
		u64 *entry = &table[at().v >> (PAGE_SHIFT + 9 * (l - 1)) & 511];

		if (l == level)
			return entry;
		if (!*entry && make) {
			struct pte p = { .hpa = virt_to_phys(page_alloc()), .prot = HV_PROT_ALL };

			*entry = real->pte_encode(p, l);
			vm->p2m_pages++;
		}
		if (!*entry)
			not_understood(1);
		table = phys_to_virt(hpa(*entry & ENTRY_ADDR));
	}
}

static s64 do_table(void)
{
	slot(level_of(2), true);
	return 0;
}

static s64 do_put(void)
{
	unsigned int level = level_of(2);

	*slot(level, false) = *word[4] ? real->pte_encode(pte_of(3, 4), level) : value_of(3);
	return 0;
}

static s64 do_set(void)
{
	struct p2m_walk w = p2m_walk(vm, at(), level_of(2));

	p2m_set(vm, &w, pte_of(3, 4));
	see_walk(&w);
	return 0;
}

static s64 do_pool(void)
{
	vm->p2m_limit = vm->p2m_pages + value_of(1);
	return 0;
}

static s64 do_host(void)
{
	u64 keep = value_of(1), run = pmm_free_pages();

	while (pmm_free_pages() > keep) {
		if (run > pmm_free_pages() - keep)
			run = pmm_free_pages() - keep;
		if (pmm_alloc(run, PAGE_SIZE))
			pages_before -= run;	/* not missed later */
		else
			run /= 2;
	}
	return 0;
}

static s64 do_show(void)
{
	show_table(phys_to_virt(vm->p2m_root), 4, 0);
	return 0;
}

static s64 do_free(void)
{
	s64 err = hv_machine_destroy(vm->id);

	vm = NULL;
	see("missing", pages_before - pmm_free_pages());
	return err;
}

/* ---- All together --------------------------------------------------------------------------- */

static void do_step(void)
{
	static const struct {
		const char *name;
		s64 (*step)(void);
	} steps[] = {
		{ "map", do_map }, { "unmap", do_unmap }, { "protect", do_protect },
		{ "split", do_split }, { "merge", do_merge }, { "age", do_age },
		{ "walk", do_walk }, { "next", do_next }, { "encode", do_encode },
		{ "decode", do_decode }, { "table", do_table }, { "put", do_put },
		{ "set", do_set }, { "pool", do_pool }, { "host", do_host },
		{ "show", do_show }, { "free", do_free },
	};
	u64 generation;
	u32 i = 0;

	while (i < ARRAY_SIZE(steps) && strcmp(word[0], steps[i].name))
		i++;
	if (i == ARRAY_SIZE(steps) || !vm)
		not_understood(0);
	generation = vm->p2m_generation;
	has_linked = false;
	linked = 0;
	see("result", (u64)steps[i].step());
	if (has_linked)
		see("linked", linked);
	if (vm) {
		see("tables", vm->p2m_pages);
		see("changed", vm->p2m_generation != generation);
	}
}

/* Cut off what is before the next `separator`. @return the rest; NULL: there is none */
static char *cut(char *text, char separator)
{
	char *end = strchr(text, separator);

	if (end)
		*end++ = '\0';
	return end;
}

__noreturn void p2m_script(char *script)
{
	static char none[] = "";
	static struct hvm_ops watched;

	pages_before = pmm_free_pages();
	vm = vm_of(hv_machine_create());
	if (!vm || hv_gpa_map_lazy(vm->id, ELSEWHERE, PAGE_SIZE, HV_PROT_ALL))
		panic("p2m=: no VM can be made");
	vm->p2m_limit = PLENTY;
	real = vm->ops;
	watched = *real;
	watched.pte_encode = encode_and_watch;
	vm->ops = &watched;
	for (char *rest = script, *next; rest; rest = next, number++) {
		next = cut(rest, ',');
		name = NULL;
		if (strchr(rest, '=')) {
			name = rest;
			rest = cut(rest, '=');
		}
		printf("step %u: %s\n", number, rest);
		for (u32 i = 0; i < MAX_WORDS; i++) {
			char *more = rest ? cut(rest, ':') : NULL;

			word[i] = rest ? rest : none;
			rest = more;
		}
		do_step();
	}
	machine_end(0);
}
