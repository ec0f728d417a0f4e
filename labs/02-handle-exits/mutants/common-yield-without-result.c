/*
 * mutant: yield-without-result
 * exercise: 2.6
 * track: common
 * hint: yield
 * why: A yield leaves its number in RAX.
 */
void hypercall_dispatch(struct vcpu *v)
{
	u64 *rax = &v->gpr[HV_RAX], argument = v->gpr[HV_RDI];

	if (v->vm->ops->get(v, HVM_CPL))
		*rax = (u64)-EPERM;
	else if (*rax == HYPERCALL_VERSION)
		*rax = INTERFACE_VERSION;
	else if (*rax == HYPERCALL_YIELD)
		thread_yield();
	else if (*rax == HYPERCALL_INTERRUPT)
		*rax = (u64)queue(v, HV_EVENT_INTR, argument);
	else if (*rax == HYPERCALL_NMI)
		*rax = (u64)queue(v, HV_EVENT_NMI, 2);
	else if (*rax == HYPERCALL_TIMER)
		*rax = (u64)set_timer(v, argument);
	else
		*rax = (u64)-ENOSYS;
}
