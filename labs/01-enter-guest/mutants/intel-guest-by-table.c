/*
 * mutant: guest-by-table
 * exercise: 1.4
 * track: intel
 * hint: efer
 * why: A table for the modes, whose EFER is the one that a guest writes: without LMA.
 */
static void vmx_init_guest(struct vcpu *v, const struct hv_vcpu_start *start)
{
	static const struct {
		u32 cr0, cr4, efer, code, data, limit;
		u16 selector;
	} modes[] = {
		[HV_MODE_REAL] = { 0x10, 0, 0, 0x9b, 0x93, 0xffff, 0 },
		[HV_MODE_PROTECTED] = { 0x11, 0, 0, 0xc09b, 0xc093, 0xffffffff, 16 },
		[HV_MODE_LONG] = { 0x80000011, 0x20, 0x100, 0xa09b, 0xc093, 0xffffffff, 16 },
	};
	struct vmx_mode mode = {
		.cr0 = modes[start->mode].cr0, .cr4 = modes[start->mode].cr4,
		.efer = modes[start->mode].efer,
		.cr3 = start->mode == HV_MODE_LONG ? start->cr3 : 0,
	};
	u64 base = start->mode == HV_MODE_REAL ? start->rip & 0xf0000 : 0;

	vmx_set_mode(v, &mode);
	for (u32 n = 0; n < 6; n++) {
		vmwrite(GUEST_ES_SELECTOR + 2 * n, modes[start->mode].selector);
		vmwrite(GUEST_ES_LIMIT + 2 * n, modes[start->mode].limit);
		vmwrite(GUEST_ES_ACCESS_RIGHTS + 2 * n, modes[start->mode].data);
		vmwrite(GUEST_ES_BASE + 2 * n, 0);
	}
	vmwrite(GUEST_CS_SELECTOR, start->mode == HV_MODE_REAL ? base >> 4 : 8);
	vmwrite(GUEST_CS_ACCESS_RIGHTS, modes[start->mode].code);
	vmwrite(GUEST_CS_BASE, base);
	vmwrite(GUEST_LDTR_SELECTOR, 0);
	vmwrite(GUEST_LDTR_BASE, 0);
	vmwrite(GUEST_LDTR_LIMIT, 0xffff);
	vmwrite(GUEST_LDTR_ACCESS_RIGHTS, 0x82);
	vmwrite(GUEST_TR_SELECTOR, 0);
	vmwrite(GUEST_TR_BASE, 0);
	vmwrite(GUEST_TR_LIMIT, 0xffff);
	vmwrite(GUEST_TR_ACCESS_RIGHTS, 0x8b);
	vmwrite(GUEST_GDTR_LIMIT, 0xffff);
	vmwrite(GUEST_IDTR_LIMIT, 0xffff);
	vmwrite(GUEST_IA32_PAT, PAT_RESET);
	vmwrite(GUEST_DR7, DR7_RESET);
	vmwrite(GUEST_RFLAGS, RFLAGS_FIXED);
	vmwrite(GUEST_RSP, start->rsp);
	vmwrite(GUEST_RIP, start->rip - base);
	vmwrite(VMCS_LINK_POINTER, 0xffffffffffffffff);
}
