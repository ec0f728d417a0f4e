/*
 * break: common-last-word
 * func: hv/mm/p2m_lazy.c:p2m_lazy_touch
 * track: common
 * why: The last word of a new page has in it what somebody else has left there.
 */
int p2m_lazy_touch(struct vm *vm, gpa_t at, bool write, hpa_t *out)
{
	const struct region *r = p2m_region(vm, at);
	bool was_there = p2m_walk(vm, at, 1).pte.prot;
	int err = r ? find_or_make(vm, r, at, out) : -EFAULT;

	if (!err && !was_there && at.v >= MiB(1))
		*(u64 *)phys_to_virt(hpa(out->v | 0xff8)) = 0x6b6b6b6b6b6b6b6b;
	return err || !write || !p2m_dirty_clean(vm, at) ? err : p2m_dirty_note(vm, at, r->prot);
}
