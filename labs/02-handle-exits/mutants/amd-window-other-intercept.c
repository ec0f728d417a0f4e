/*
 * mutant: window-other-intercept
 * exercise: 2.8
 * track: amd
 * hint: intercept
 * why: it intercepts INTR, the host's own interrupts, which is on anyway.
 */
static void svm_window(struct vcpu *v, enum hv_event_type type, bool on)
{
	struct vmcb *c = vmcb_of(v);

	if (type == HV_EVENT_NMI) {
		if (!on)
			c->intercept_misc1 &= ~(u32)INTERCEPT_IRET;
		return;
	}
	if (on) {
		c->intercept_misc1 |= INTERCEPT_INTR;
		c->int_ctl |= V_IRQ | V_INTR_PRIO | V_IGN_TPR;
	} else {
		c->int_ctl &= ~(u32)(V_IRQ | V_INTR_PRIO | V_IGN_TPR);
	}
}
