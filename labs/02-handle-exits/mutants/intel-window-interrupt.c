/*
 * mutant: window-interrupt
 * exercise: 2.8
 * track: intel
 * hint: which
 * why: the type is not looked at: it is always the interrupt window.
 */
void vmx_window(struct vcpu *v, enum hv_event_type type, bool on)
{
	u64 before = v->vmx_proc;

	if (on)
		v->vmx_proc |= PROC_INTERRUPT_WINDOW_EXITING;
	else
		v->vmx_proc &= ~PROC_INTERRUPT_WINDOW_EXITING;
	if (v->vmx_proc != before)
		vmwrite(PROC_BASED_VM_EXEC_CONTROL, v->vmx_proc);
}
