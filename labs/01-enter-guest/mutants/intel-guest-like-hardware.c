/*
 * mutant: guest-like-hardware
 * exercise: 1.4
 * track: intel
 * hint: mode
 * why: The real values of CR0 and CR4 are given to vmx_set_mode(), so the guest sees ours.
 */
static void vmx_init_guest(struct vcpu *v, const struct hv_vcpu_start *start)
{
	bool real = start->mode == HV_MODE_REAL, is_long = start->mode == HV_MODE_LONG;
	struct hv_segment s = { .limit = 0xffff, .attr = SEG_P | SEG_TYPE_LDT };
	struct vmx_mode mode = { .cr0 = CR0_ET | CR0_NE, .cr4 = CR4_VMXE };

	vmx_set_segment(HV_LDTR, &s);
	s.attr = SEG_P | SEG_TYPE_TSS;
	vmx_set_segment(HV_TR, &s);
	s.attr = SEG_P | SEG_S | SEG_TYPE_DATA;
	if (!real) {
		s.attr |= SEG_G | SEG_DB;
		s.limit = 0xffffffff;
		s.selector = 16;
		mode.cr0 |= CR0_PE;
	}
	for (enum hv_seg seg = HV_ES; seg <= HV_GS; seg++)
		vmx_set_segment(seg, &s);
	s.attr = SEG_P | SEG_S | SEG_TYPE_CODE;
	if (real) {
		s.base = start->rip & 0xf0000;
		s.selector = s.base >> 4;
	} else {
		s.attr |= SEG_G | (is_long ? SEG_L : SEG_DB);
		s.selector = 8;
	}
	vmx_set_segment(HV_CS, &s);
	if (is_long) {
		mode.cr0 |= CR0_PG;
		mode.cr4 |= CR4_PAE;
		mode.cr3 = start->cr3;
		mode.efer = EFER_LME | EFER_LMA;
	}
	vmx_set_mode(v, &mode);
	vmwrite(GUEST_RIP, start->rip - s.base);
	vmwrite(GUEST_RSP, start->rsp);
	vmwrite(GUEST_RFLAGS, RFLAGS_FIXED);
	vmwrite(GUEST_GDTR_LIMIT, 0xffff);
	vmwrite(GUEST_IDTR_LIMIT, 0xffff);
	vmwrite(GUEST_IA32_PAT, PAT_RESET);
	vmwrite(GUEST_DR7, DR7_RESET);
	vmwrite(VMCS_LINK_POINTER, -1ull);
}
