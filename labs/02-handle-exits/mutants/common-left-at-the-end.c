/*
 * mutant: left-at-the-end
 * exercise: 2.15
 * track: common
 * hint: too-late
 * why: The vCPU leaves its CPU as the last thing.
 */
void vcpu_destroy(struct vcpu *v)
{
	struct vm *vm = v->vm;
	struct cpu *cpu = this_cpu();

	vm->ops->vcpu_fini(v);
	vm->vcpu[v->index] = NULL;
	vm->vcpu_count--;
	page_free(v->lazy.xsave);
	page_free(v);
	if (cpu->owner == v)
		leave_cpu(v);
}
