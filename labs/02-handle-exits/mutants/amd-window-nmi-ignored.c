/*
 * mutant: window-nmi-ignored
 * exercise: 2.8
 * track: amd
 * hint: nmi
 * why: an NMI's window is left as it is, even when it has come.
 */
static void svm_window(struct vcpu *v, enum hv_event_type type, bool on)
{
	struct vmcb *c = vmcb_of(v);

	if (type != HV_EVENT_INTR)
		return;
	if (on) {
		c->intercept_misc1 |= INTERCEPT_VINTR;
		c->int_ctl |= V_IRQ | V_INTR_PRIO | V_IGN_TPR;
		c->int_vector = 0;
	} else {
		c->intercept_misc1 &= ~(u32)INTERCEPT_VINTR;
		c->int_ctl &= ~(u32)(V_IRQ | V_INTR_PRIO | V_IGN_TPR);
	}
}
