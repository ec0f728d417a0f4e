/*
 * mutant: guest-real-ip
 * exercise: 1.4
 * track: intel
 * hint: real-rip
 * why: RIP in real mode is cut to 12 bits, as if a selector knew all the others.
 */
static void vmx_init_guest(struct vcpu *v, const struct hv_vcpu_start *start)
{
	struct hv_segment data = { 0, SEG_P | SEG_S | SEG_TYPE_DATA, 0xffff, 0 }, cs;
	struct hv_segment ldtr = { 0, SEG_P | SEG_TYPE_LDT, 0xffff, 0 };
	struct hv_segment tr = { 0, SEG_P | SEG_TYPE_TSS, 0xffff, 0 };
	struct vmx_mode mode = { .cr0 = CR0_ET };
	u64 rip = start->rip & 0xfff;

	if (start->mode != HV_MODE_REAL) {
		data = (struct hv_segment){ 16, SEG_P | SEG_S | SEG_TYPE_DATA | SEG_G | SEG_DB,
					    0xffffffff, 0 };
		mode.cr0 |= CR0_PE;
		rip = start->rip;
	}
	cs = data;
	cs.attr |= SEG_TYPE_CODE;
	cs.selector = start->mode == HV_MODE_REAL ? start->rip >> 4 & 0xf000 : 8;
	if (start->mode == HV_MODE_REAL)
		cs.base = (u64)cs.selector * 16;
	if (start->mode == HV_MODE_LONG) {
		cs.attr = (cs.attr & ~SEG_DB) | SEG_L;
		mode.cr0 |= CR0_PG;
		mode.cr3 = start->cr3;
		mode.cr4 = CR4_PAE;
		mode.efer = EFER_LME | EFER_LMA;
	}
	for (int seg = HV_ES; seg <= HV_GS; seg++)
		vmx_set_segment((enum hv_seg)seg, &data);
	vmx_set_segment(HV_CS, &cs);
	vmx_set_segment(HV_LDTR, &ldtr);
	vmx_set_segment(HV_TR, &tr);
	vmx_set_mode(v, &mode);
	vmwrite(GUEST_RIP, rip);
	vmwrite(GUEST_RSP, start->rsp);
	vmwrite(GUEST_RFLAGS, RFLAGS_FIXED);
	vmwrite(GUEST_DR7, DR7_RESET);
	vmwrite(GUEST_IA32_PAT, PAT_RESET);
	vmwrite(GUEST_GDTR_LIMIT, 0xffff);
	vmwrite(GUEST_IDTR_LIMIT, 0xffff);
	vmwrite(VMCS_LINK_POINTER, ~0ull);
}
