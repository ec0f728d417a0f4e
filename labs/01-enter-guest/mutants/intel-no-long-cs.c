/*
 * mutant: no-long-cs
 * exercise: 1.4
 * track: intel
 * hint: long-cs
 * why: CS is a 32-bit segment in long mode, so the guest runs in compatibility mode.
 */
static void vmx_init_guest(struct vcpu *v, const struct hv_vcpu_start *start)
{
	bool real = start->mode == HV_MODE_REAL, is_long = start->mode == HV_MODE_LONG;
	u32 size = real ? 0 : SEG_G | SEG_DB;
	struct hv_segment data = {
		.selector = real ? 0 : 16,
		.attr = SEG_P | SEG_S | SEG_TYPE_DATA | size,
		.limit = real ? 0xffff : 0xffffffff,
	};
	struct hv_segment cs = {
		.selector = real ? start->rip >> 4 & 0xf000 : 8,
		.attr = SEG_P | SEG_S | SEG_TYPE_CODE | size,
		.limit = data.limit,
		.base = real ? start->rip & 0xf0000 : 0,
	};
	struct hv_segment ldtr = { .attr = SEG_P | SEG_TYPE_LDT, .limit = 0xffff };
	struct hv_segment tr = { .attr = SEG_P | SEG_TYPE_TSS, .limit = 0xffff };
	struct vmx_mode mode = {
		.cr0 = CR0_ET | (real ? 0 : CR0_PE) | (is_long ? CR0_PG : 0),
		.cr4 = is_long ? CR4_PAE : 0,
		.cr3 = is_long ? start->cr3 : 0,
		.efer = is_long ? EFER_LME | EFER_LMA : 0,
	};

	for (enum hv_seg seg = HV_ES; seg <= HV_GS; seg++)
		vmx_set_segment(seg, seg == HV_CS ? &cs : &data);
	vmx_set_segment(HV_LDTR, &ldtr);
	vmx_set_segment(HV_TR, &tr);
	vmwrite(GUEST_GDTR_LIMIT, 0xffff);
	vmwrite(GUEST_IDTR_LIMIT, 0xffff);
	vmx_set_mode(v, &mode);
	vmwrite(GUEST_IA32_PAT, PAT_RESET);
	vmwrite(GUEST_DR7, DR7_RESET);
	vmwrite(GUEST_RFLAGS, RFLAGS_FIXED);
	vmwrite(GUEST_RIP, start->rip - cs.base);
	vmwrite(GUEST_RSP, start->rsp);
	vmwrite(VMCS_LINK_POINTER, ~0ull);
}
