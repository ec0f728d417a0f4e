/*
 * mutant: window-for-nmis
 * exercise: 2.8
 * track: amd
 * hint: back
 * why: it asks for an interrupt window on behalf of an NMI.
 */
static void svm_window(struct vcpu *v, enum hv_event_type type, bool on)
{
	struct vmcb *c = vmcb_of(v);
	u32 wish = V_IRQ | V_INTR_PRIO | V_IGN_TPR;

	if (on) {
		c->intercept_misc1 |= INTERCEPT_VINTR;
		c->int_ctl |= wish;
		return;
	}
	c->intercept_misc1 &= ~(u32)INTERCEPT_VINTR;
	c->int_ctl &= ~wish;
	if (type == HV_EVENT_NMI)
		c->intercept_misc1 &= ~(u32)INTERCEPT_IRET;
}
