/*
 * mutant: window-only-on
 * exercise: 2.8
 * track: intel
 * hint: off
 * why: closing a window changes the copy of the controls, but not the VMCS.
 */
void vmx_window(struct vcpu *v, enum hv_event_type type, bool on)
{
	u64 bit = PROC_INTERRUPT_WINDOW_EXITING;

	if (type == HV_EVENT_NMI)
		bit = PROC_NMI_WINDOW_EXITING;
	if (!on) {
		v->vmx_proc &= ~bit;
		return;
	}
	v->vmx_proc |= bit;
	vmwrite(PROC_BASED_VM_EXEC_CONTROL, v->vmx_proc);
}
