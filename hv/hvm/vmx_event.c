/* Intel VMX: events into the guest, and the windows in which it can take them. */
#include "hvm/vmx.h"
#include "lib/lab.h"
#include "x86/insn.h"
#include "x86/regs.h"

/**
 * Put an event into the VM-entry fields (24.8.3); the next VM entry delivers it through the guest's
 * IDT as if it had happened there (26.6), and the exit after that clears the field's valid bit.
 *
 * The interruption information has the vector in bits 7:0, the type in bits 10:8 (the numbers of
 * enum hv_event_type are these), bit 11 for an error code, and bit 31: valid. In real mode no
 * exception pushes an error code, and the entry insists that none is asked for (26.2.1.3). A
 * software interrupt wants the length of its INT, as the guest returns to after it. An NMI goes in
 * only while the guest does not block NMIs; when its first delivery was cut short, it already does.
 */
void vmx_inject(struct vcpu *v, const struct hv_event *e)
{
	u64 info = EVENT_VALID | e->vector | (u32)e->type << EVENT_TYPE_SHIFT;

	if (e->has_error && vmread(GUEST_CR0) & CR0_PE) {
		info |= EVENT_ERROR_CODE;
		vmwrite(VM_ENTRY_EXCEPTION_ERROR_CODE, e->error);
	}
	if (e->type == HV_EVENT_SOFT)
		vmwrite(VM_ENTRY_INSTRUCTION_LENGTH, e->insn_len);
	if (e->type == HV_EVENT_NMI)
		vmwrite(GUEST_INTERRUPTIBILITY_STATE,
			vmread(GUEST_INTERRUPTIBILITY_STATE) & ~BLOCKING_BY_NMI);
	vmwrite(VM_ENTRY_INTERRUPTION_INFO, info);
}

/**
 * Could the guest take an event right now? Both kinds wait while STI or MOV SS hold events back for
 * an instruction (24.4.2). An interrupt also waits for RFLAGS.IF, an NMI for the IRET of the NMI
 * before it.
 */
bool vmx_ready(struct vcpu *v, enum hv_event_type type)
{
	u64 blocking = vmread(GUEST_INTERRUPTIBILITY_STATE);

	if (blocking & (BLOCKING_BY_STI | BLOCKING_BY_MOV_SS))
		return false;
	if (type == HV_EVENT_NMI)
		return !(blocking & BLOCKING_BY_NMI);
	return vmread(GUEST_RFLAGS) & RFLAGS_IF;
}

/**
 * Ask for an exit as soon as vmx_ready() would say yes: the primary controls "interrupt-window
 * exiting" and "NMI-window exiting" (24.6.2); with `on` false, no longer. v->vmx_proc is always
 * what the VMCS has in PROC_BASED_VM_EXEC_CONTROL; write only changes.
 */
void vmx_window(struct vcpu *v, enum hv_event_type type, bool on)
{
	u64 control = type == HV_EVENT_NMI ? PROC_NMI_WINDOW_EXITING :
					     PROC_INTERRUPT_WINDOW_EXITING;
	u64 proc = on ? v->vmx_proc | control : v->vmx_proc & ~control;

	if (proc == v->vmx_proc)
		return;
	v->vmx_proc = proc;
	vmwrite(PROC_BASED_VM_EXEC_CONTROL, proc);
}

/**
 * See to it that the guest's run ends at TSC `tsc` or soon after: the preemption timer counts down
 * from VMX_PREEMPTION_TIMER_VALUE, 32 bits, which each entry loads anew (25.5.1). It counts when
 * bit IA32_VMX_MISC[4:0] of the TSC changes (A.6). A `tsc` in the past means: at once. The run
 * never lasts longer than VMX_WATCHDOG_TICKS. A CPU without the timer (PIN_PREEMPTION_TIMER is not
 * among its pin-based controls) is left to the host's own interrupts.
 */
void vmx_deadline(struct vcpu *v, u64 tsc)
{
	u64 rate = rdmsr(MSR_IA32_VMX_MISC) & VMX_MISC_TIMER_RATE;
	s64 left = (s64)(tsc - rdtsc());

	if (!(vmread(PIN_BASED_VM_EXEC_CONTROL) & PIN_PREEMPTION_TIMER))
		return;
	if (left < 0)
		left = 0;
	if (left > VMX_WATCHDOG_TICKS)
		left = VMX_WATCHDOG_TICKS;
	vmwrite(VMX_PREEMPTION_TIMER_VALUE, (u64)left >> rate);
}
