/*
 * mutant: real-cs-all-selector
 * exercise: 1.4
 * track: amd
 * hint: real-cs
 * why: All but four bits of a real-mode start go into CS, which is another CS:IP than asked for.
 */
static void svm_init_guest(struct vcpu *v, const struct hv_vcpu_start *start)
{
	struct vmcb *c = vmcb_of(v);
	struct vmcb_segment *const data[] = { &c->es, &c->ss, &c->ds, &c->fs, &c->gs };
	bool real = start->mode == HV_MODE_REAL;

	for (u32 i = 0; i < ARRAY_SIZE(data); i++) {
		data[i]->selector = real ? 0 : 16;
		data[i]->limit = real ? 0xffff : ~0u;
		data[i]->attr = SEG_P | SEG_S | SEG_TYPE_DATA;
		if (!real)
			data[i]->attr |= VMCB_SEG_G | VMCB_SEG_DB;
	}
	c->cs = c->ds;
	c->cs.attr = c->ds.attr - SEG_TYPE_DATA + SEG_TYPE_CODE;
	c->cs.selector = 8;
	c->rip = start->rip;
	c->ldtr.attr = SEG_P | SEG_TYPE_LDT;
	c->tr.attr = SEG_P | SEG_TYPE_TSS;
	c->ldtr.limit = c->tr.limit = c->gdtr.limit = c->idtr.limit = 0xffff;

	c->cr0 = CR0_ET;
	c->efer = EFER_SVME;
	if (real) {
		c->cs.selector = (u16)(start->rip >> 4);
		c->cs.base = start->rip & ~0xfull;
		c->rip = start->rip & 0xf;
	} else {
		c->cr0 |= CR0_PE;
	}
	if (start->mode == HV_MODE_LONG) {
		c->cr0 |= CR0_PG;
		c->cr4 = CR4_PAE;
		c->cr3 = start->cr3;
		c->efer |= EFER_LME | EFER_LMA;
		c->cs.attr ^= VMCB_SEG_DB | VMCB_SEG_L;
	}
	c->g_pat = PAT_RESET;
	c->dr6 = DR6_RESET;
	c->dr7 = DR7_RESET;
	c->rflags = RFLAGS_FIXED;
	c->rsp = start->rsp;
}
