/*
 * mutant: split-adds-a-table
 * exercise: 3.5
 * track: common
 * hint: order
 * why: table_add() links a table that is empty.
 */
static int split(struct vm *vm, struct p2m_walk *w)
{
	struct pte small = w->pte;
	int err = table_add(vm, w);

	for (u32 i = 0; !err && i < ENTRIES; i++) {
		struct p2m_walk part = { .level = w->level - 1 };

		part.entry = (u64 *)phys_to_virt(w->pte.hpa) + i;
		p2m_set(vm, &part, small);
		small.hpa.v += pte_span(part.level);
	}
	return err;
}
