/*
 * break: common-short-memory
 * func: hv/mm/p2m_lazy.c:p2m_lazy_touch
 * track: common
 * why: When a guest has 24 new pages, the oldest of them is taken away with all that is in it.
 */
int p2m_lazy_touch(struct vm *vm, gpa_t at, bool write, hpa_t *out)
{
	static gpa_t made[24];
	static u32 turn;
	const struct region *r = p2m_region(vm, at);
	bool was_there = p2m_walk(vm, at, 1).pte.prot;
	int err = r ? find_or_make(vm, r, at, out) : -EFAULT;

	if (!err && !was_there && at.v >= MiB(1) && at.v < MiB(7)) {
		gpa_t oldest = made[turn];
		struct p2m_walk w = p2m_walk(vm, oldest, 1);

		if (oldest.v && !p2m_unmap(vm, oldest, 1))
			page_free(phys_to_virt(w.pte.hpa));
		made[turn] = gpa(ROUND_DOWN(at.v, PAGE_SIZE));
		turn = (turn + 1) % ARRAY_SIZE(made);
	}
	return err || !write || !p2m_dirty_clean(vm, at) ? err : p2m_dirty_note(vm, at, r->prot);
}
