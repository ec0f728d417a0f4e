/*
 * mutant: window-number
 * exercise: 2.8
 * track: intel
 * hint: others
 * why: & where | was meant: nothing but the bit can be left.
 */
void vmx_window(struct vcpu *v, enum hv_event_type type, bool on)
{
	u64 bit = type == HV_EVENT_NMI ? PROC_NMI_WINDOW_EXITING : PROC_INTERRUPT_WINDOW_EXITING;

	if (on)
		v->vmx_proc = v->vmx_proc & bit;
	else
		v->vmx_proc = v->vmx_proc & ~bit;
	if (on)
		v->vmx_proc |= bit;
	vmwrite(PROC_BASED_VM_EXEC_CONTROL, v->vmx_proc);
}
