/*
 * mutant: left-if-running
 * exercise: 2.15
 * track: common
 * hint: owner
 * why: A vCPU that does not run is thought to have left its CPU.
 */
void vcpu_destroy(struct vcpu *v)
{
	if (v->running && this_cpu()->owner == v)
		leave_cpu(v);
	v->vm->vcpu[v->index] = NULL;
	v->vm->vcpu_count--;
	v->vm->ops->vcpu_fini(v);
	page_free(v->lazy.xsave);
	page_free(v);
}
