/*
 * break: common-twins
 * func: hv/mm/p2m_lazy.c:p2m_lazy_touch
 * track: common
 * why: The pages on both sides of a 2-MiB edge are one page of the host's.
 */
int p2m_lazy_touch(struct vm *vm, gpa_t at, bool write, hpa_t *out)
{
	const struct region *r = p2m_region(vm, at);
	gpa_t page = gpa(ROUND_DOWN(at.v, PAGE_SIZE)), twin = page;
	int err;

	if (page.v % PAGE_SIZE_2M == 0)
		twin.v -= PAGE_SIZE;
	else if ((page.v + PAGE_SIZE) % PAGE_SIZE_2M == 0)
		twin.v += PAGE_SIZE;
	if (r && twin.v != page.v && r == p2m_region(vm, twin) && !p2m_walk(vm, page, 1).pte.prot) {
		struct p2m_walk w = p2m_walk(vm, twin, 1);

		if (w.pte.prot && !p2m_unmap(vm, twin, 1))	/* who was touched last has it */
			p2m_map(vm, page, w.pte.hpa, 1, r->prot, MEMTYPE_WB);
	}
	err = r ? find_or_make(vm, r, at, out) : -EFAULT;
	return err || !write || !p2m_dirty_clean(vm, at) ? err : p2m_dirty_note(vm, at, r->prot);
}
