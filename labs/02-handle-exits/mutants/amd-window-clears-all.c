/*
 * mutant: window-clears-all
 * exercise: 2.8
 * track: amd
 * hint: others
 * why: to close a window it clears all of int_ctl, V_INTR_MASKING too.
 */
static void svm_window(struct vcpu *v, enum hv_event_type type, bool on)
{
	struct vmcb *c = vmcb_of(v);

	switch (type) {
	case HV_EVENT_NMI:
		if (!on)
			c->intercept_misc1 &= ~(u32)INTERCEPT_IRET;
		break;
	default:
		c->int_vector = 0;
		if (on) {
			c->int_ctl |= V_IGN_TPR | V_INTR_PRIO | V_IRQ;
			c->intercept_misc1 |= INTERCEPT_VINTR;
		} else {
			c->int_ctl = 0;
			c->intercept_misc1 &= ~(u32)INTERCEPT_VINTR;
		}
	}
}
