/*
 * mutant: no-svme
 * exercise: 1.4
 * track: amd
 * hint: svme
 * why: SVME is missing from the guest's EFER, so VMRUN refuses.
 */
static void svm_init_guest(struct vcpu *v, const struct hv_vcpu_start *start)
{
	struct vmcb *c = vmcb_of(v);
	bool real = start->mode == HV_MODE_REAL, is_long = start->mode == HV_MODE_LONG;
	struct vmcb_segment data = { .selector = 16, .attr = 0xc93, .limit = 0xffffffff };

	if (real)
		data = (struct vmcb_segment){ .attr = 0x093, .limit = 0xffff };
	c->es = c->ss = c->ds = c->fs = c->gs = data;
	c->cs = data;
	c->cs.attr = real ? 0x09b : is_long ? 0xa9b : 0xc9b;
	c->cs.selector = real ? start->rip >> 4 & 0xf000 : 8;
	c->cs.base = real ? (u64)c->cs.selector << 4 : 0;
	c->ldtr = (struct vmcb_segment){ .attr = 0x082, .limit = 0xffff };
	c->tr = (struct vmcb_segment){ .attr = 0x08b, .limit = 0xffff };
	c->gdtr.limit = 0xffff;
	c->idtr.limit = 0xffff;

	c->cr0 = CR0_ET | (real ? 0 : CR0_PE) | (is_long ? CR0_PG : 0);
	c->cr4 = is_long ? CR4_PAE : 0;
	c->cr3 = is_long ? start->cr3 : 0;
	c->efer = is_long ? EFER_LME | EFER_LMA : 0;
	c->dr6 = DR6_RESET;
	c->dr7 = DR7_RESET;
	c->g_pat = PAT_RESET;
	c->rflags = RFLAGS_FIXED;
	c->rip = start->rip - c->cs.base;
	c->rsp = start->rsp;
}
