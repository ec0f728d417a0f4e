/*
 * mutant: outside-gets-memory
 * exercise: 3.7
 * track: common
 * hint: outside
 * why: There is memory wherever the guest looks.
 */
bool p2m_violation(struct vcpu *v, struct hv_exit *x, const struct hvm_violation *why)
{
	gpa_t at = gpa(x->memory.gpa);
	const struct region *r = p2m_region(v->vm, at);
	hpa_t page;
	int err;

	if (r && why->access & ~r->prot)
		return false;
	err = r ? p2m_lazy_touch(v->vm, at, why->access & HV_PROT_WRITE, &page) :
		  populate(v->vm, at, HV_PROT_ALL, &page);
	if (err)
		x->reason = err == -ENOSPC ? HV_EXIT_POOL : HV_EXIT_NO_MEMORY;
	return !err;
}
