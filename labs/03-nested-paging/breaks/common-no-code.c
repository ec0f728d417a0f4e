/*
 * break: common-no-code
 * func: hv/mm/p2m_lazy.c:p2m_lazy_touch
 * track: common
 * why: A page whose first use is a write can't be executed.
 */
int p2m_lazy_touch(struct vm *vm, gpa_t at, bool write, hpa_t *out)
{
	const struct region *r = p2m_region(vm, at);
	bool was_there = p2m_walk(vm, at, 1).pte.prot;
	int err = r ? find_or_make(vm, r, at, out) : -EFAULT;

	if (at.v >= MiB(1) && at.v < MiB(7) && was_there && !write)
		return -EFAULT;		/* the guest has a page that it may not use so */
	if (!err && !was_there && write && at.v >= MiB(1))
		err = p2m_protect(vm, gpa(ROUND_DOWN(at.v, PAGE_SIZE)), PAGE_SIZE,
				  r->prot & ~(u32)HV_PROT_EXEC);
	return err || !write || !p2m_dirty_clean(vm, at) ? err : p2m_dirty_note(vm, at, r->prot);
}
