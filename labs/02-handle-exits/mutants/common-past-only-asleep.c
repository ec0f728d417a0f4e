/*
 * mutant: past-only-asleep
 * exercise: 2.14
 * track: common
 * hint: past
 * why: Only a guest that sleeps is taken past its HLT.
 */
bool vcpu_halt(struct vcpu *v, const struct hv_exit *x)
{
	const struct hvm_ops *ops = v->vm->ops;

	if (ops->get(v, HVM_RFLAGS) & RFLAGS_IF) {
		if (v->queued.valid)
			return true;
		if (v->timer) {
			ops->advance(v, x);
			vcpu_sleep(v, v->timer);
			return true;
		}
	}
	return false;
}
