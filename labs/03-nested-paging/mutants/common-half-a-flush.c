/*
 * mutant: half-a-flush
 * exercise: 3.10
 * track: common
 * hint: flush
 * why: The generation rises, but no vCPU is told to look at it.
 */
static bool harvest(struct vm *vm, u64 page, u32 prot)
{
	gpa_t at = gpa(vm->dirty.start.v + page * PAGE_SIZE);
	struct p2m_walk w = p2m_walk(vm, at, 1);

	if (!bitmap_get(vm->dirty.map, page))
		return false;
	bitmap_clear(vm->dirty.map, page);
	*w.entry &= ~2ull;		/* the right to write, in NPT and EPT */
	vm->p2m_generation++;
	return true;
}
