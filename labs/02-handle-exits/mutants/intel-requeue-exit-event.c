/*
 * mutant: requeue-exit-event
 * exercise: 2.12
 * track: intel
 * hint: which-event
 * why: the event that caused the exit is read, where it is about the one before it.
 */
static void vmx_requeue_event(struct vcpu *v)
{
	u32 info = (u32)vmread(VM_EXIT_INTERRUPTION_INFO);

	v->reinject.valid = true;
	v->reinject.vector = (u8)info;
	v->reinject.type = EVENT_TYPE(info) > 3 ? HV_EVENT_SOFT : (u8)EVENT_TYPE(info);
	v->reinject.has_error = info & EVENT_ERROR_CODE;
	v->reinject.error = (u32)vmread(VM_EXIT_INTERRUPTION_ERROR_CODE);
	v->reinject.insn_len = (u8)vmread(VM_EXIT_INSTRUCTION_LENGTH);
}
