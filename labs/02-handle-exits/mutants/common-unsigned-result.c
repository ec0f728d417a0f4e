/*
 * mutant: unsigned-result
 * exercise: 2.6
 * track: common
 * hint: sign
 * why: The result goes through an unsigned int, which is not sign-extended.
 */
void hypercall_dispatch(struct vcpu *v)
{
	u64 number = v->gpr[HV_RAX], argument = v->gpr[HV_RDI];
	unsigned int result = (unsigned int)-ENOSYS;

	if (v->vm->ops->get(v, HVM_CPL) != 0) {
		v->gpr[HV_RAX] = -(u64)EPERM;
		return;
	}
	if (number == HYPERCALL_VERSION)
		result = INTERFACE_VERSION;
	if (number == HYPERCALL_INTERRUPT)
		result = (unsigned int)queue(v, HV_EVENT_INTR, argument);
	if (number == HYPERCALL_NMI)
		result = (unsigned int)queue(v, HV_EVENT_NMI, 2);
	if (number == HYPERCALL_TIMER)
		result = (unsigned int)set_timer(v, argument);
	if (number == HYPERCALL_YIELD) {
		thread_yield();
		result = 0;
	}
	v->gpr[HV_RAX] = result;
}
