/* What a starter has in hv/mm/p2m.c: vCPUs go on with translations that are true no more. */
static bool still_true(const struct pte *old, const struct pte *new)
{
	if (!old->prot)
		return true;
	return old->hpa.v == new->hpa.v && old->leaf == new->leaf && old->type == new->type &&
	       !(new->prot & ~old->prot);
}

void p2m_set(struct vm *vm, struct p2m_walk *w, struct pte new)
{
	*w->entry = vm->ops->pte_encode(new, w->level);
	if (w->pte.leaf && !still_true(&w->pte, &new))
		p2m_changed(vm);
	w->pte = new;
}
