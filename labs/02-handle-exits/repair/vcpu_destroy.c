/* What a starter has in hv/core/vcpu.c: something is missing. */
void vcpu_destroy(struct vcpu *v)
{
	v->vm->vcpu[v->index] = NULL;
	v->vm->vcpu_count--;
	v->vm->ops->vcpu_fini(v);
	page_free(v->lazy.xsave);
	page_free(v);
}
