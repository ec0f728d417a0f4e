/*
 * mutant: window-without-irq
 * exercise: 2.8
 * track: amd
 * hint: priority
 * why: all is ready for a virtual interrupt, but none waits.
 */
static void svm_window(struct vcpu *v, enum hv_event_type type, bool on)
{
	struct vmcb *c = vmcb_of(v);
	u32 bits = V_INTR_PRIO | V_IGN_TPR;

	if (type == HV_EVENT_NMI && !on)
		c->intercept_misc1 &= ~(u32)INTERCEPT_IRET;
	if (type == HV_EVENT_NMI)
		return;
	c->int_ctl = on ? c->int_ctl | bits : c->int_ctl & ~bits;
	c->intercept_misc1 = on ? c->intercept_misc1 | INTERCEPT_VINTR
				: c->intercept_misc1 & ~(u32)INTERCEPT_VINTR;
}
