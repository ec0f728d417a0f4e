/*
 * Intel VMX: the guest's registers in the VMCS, read and written by name. What the VMCS has no
 * field for waits in struct vcpu while the vCPU has no CPU.
 */
#include "core/cpu.h"
#include "core/panic.h"
#include "hvm/vmx.h"
#include "lib/string.h"
#include "x86/regs.h"

/* ---- One register --------------------------------------------------------------------------- */

static u64 read_mode(struct vcpu *v, enum hvm_reg reg)
{
	struct vmx_mode m;

	vmx_get_mode(v, &m);
	return reg == HVM_CR0 ? m.cr0 : m.cr4;
}

static void write_mode(struct vcpu *v, enum hvm_reg reg, u64 value)
{
	struct vmx_mode m;

	vmx_get_mode(v, &m);
	if (reg == HVM_CR0)
		m.cr0 = value;
	else if (reg == HVM_CR3)
		m.cr3 = value;
	else if (reg == HVM_CR4)
		m.cr4 = value;
	else
		m.efer = value;
	if (!vmx_check_mode(v, &m))
		vmx_set_mode(v, &m);
}

static u64 read_register(struct vcpu *v, enum hvm_reg reg)
{
	switch (reg) {
	case HVM_RIP: return vmread(GUEST_RIP);
	case HVM_RSP: return vmread(GUEST_RSP);
	case HVM_RFLAGS: return vmread(GUEST_RFLAGS);
	case HVM_CR0: return read_mode(v, reg);
	case HVM_CR3: return vmread(GUEST_CR3);
	case HVM_CR4: return read_mode(v, reg);
	case HVM_CR8: return v->cr8;
	case HVM_EFER: return vmread(GUEST_IA32_EFER);
	case HVM_PAT: return vmread(GUEST_IA32_PAT);
	case HVM_TSC_OFFSET: return vmread(TSC_OFFSET);
	case HVM_CPL: return vmread(GUEST_SS_ACCESS_RIGHTS) >> 5 & 3;
	default: return 0;
	}
}

static void write_register(struct vcpu *v, enum hvm_reg reg, u64 value)
{
	switch (reg) {
	case HVM_RIP: vmwrite(GUEST_RIP, value); break;
	case HVM_RSP: vmwrite(GUEST_RSP, value); break;
	case HVM_RFLAGS: vmwrite(GUEST_RFLAGS, value | RFLAGS_FIXED); break;
	case HVM_CR8: v->cr8 = value; break;
	case HVM_PAT: vmwrite(GUEST_IA32_PAT, value); break;
	case HVM_TSC_OFFSET: vmwrite(TSC_OFFSET, value); break;
	case HVM_CR0: case HVM_CR3: case HVM_CR4: case HVM_EFER: write_mode(v, reg, value); break;
	default: break;
	}
}

/* In an exit the VMCS is current; when the vCPU has lost the CPU since, it must be made so. */
u64 vmx_get(struct vcpu *v, enum hvm_reg reg)
{
	u64 value;

	if (this_cpu()->owner == v)
		return read_register(v, reg);
	vmx_vmcs_borrow(v);
	value = read_register(v, reg);
	vmx_vmcs_return(v);
	return value;
}

/*
 * The PDPTEs are registers: the CPU loads them with CR3, and with EPT an exit saves them (27.3.1).
 * What is in memory may differ by now, and does not count.
 */
void vmx_get_paging(struct vcpu *v, struct hvm_paging *p)
{
	bool borrow = this_cpu()->owner != v;
	struct vmx_mode m;

	if (borrow)
		vmx_vmcs_borrow(v);
	vmx_get_mode(v, &m);
	p->cr0 = m.cr0;
	p->cr3 = m.cr3;
	p->cr4 = m.cr4;
	p->efer = m.efer;
	p->rflags = vmread(GUEST_RFLAGS);
	p->rip = vmread(GUEST_RIP);
	p->cpl = vmread(GUEST_SS_ACCESS_RIGHTS) >> 5 & 3;
	p->cs_attr = (u32)vmread(GUEST_CS_ACCESS_RIGHTS);
	p->cs_base = vmread(GUEST_CS_BASE);
	p->has_pdpte = m.cr0 & CR0_PG && m.cr4 & CR4_PAE && !(m.efer & EFER_LMA);
	for (u32 i = 0; p->has_pdpte && i < ARRAY_SIZE(p->pdpte); i++)
		p->pdpte[i] = vmread(GUEST_PDPTE0 + 2 * i);
	if (borrow)
		vmx_vmcs_return(v);
}

void vmx_set(struct vcpu *v, enum hvm_reg reg, u64 value)
{
	if (this_cpu()->owner != v)
		vmx_vmcs_borrow(v);
	write_register(v, reg, value);
	vmx_vmcs_return(v);
}

/* ---- All of them ---------------------------------------------------------------------------- */

/* Registers of 64 bits that have a field each: where in hv_vcpu_state, which in the VMCS. */
#define FIELD(group, item, field) \
	{ HV_STATE_##group, offsetof(struct hv_vcpu_state, item), field }

static const struct {
	u16 group, state;
	u32 field;
} fields[] = {
	FIELD(GPRS, gpr[HV_RSP], GUEST_RSP), FIELD(GPRS, rip, GUEST_RIP),
	FIELD(GPRS, rflags, GUEST_RFLAGS), FIELD(SEGS, gdtr.base, GUEST_GDTR_BASE),
	FIELD(SEGS, idtr.base, GUEST_IDTR_BASE), FIELD(DRS, dr7, GUEST_DR7),
	FIELD(MSRS, sysenter_cs, GUEST_IA32_SYSENTER_CS),
	FIELD(MSRS, sysenter_esp, GUEST_IA32_SYSENTER_ESP),
	FIELD(MSRS, sysenter_eip, GUEST_IA32_SYSENTER_EIP), FIELD(MSRS, pat, GUEST_IA32_PAT),
	FIELD(MSRS, tsc_offset, TSC_OFFSET),
};

/* Registers of 64 bits that struct vcpu keeps. */
#define KEPT(group, item, member) \
	{ HV_STATE_##group, offsetof(struct hv_vcpu_state, item), offsetof(struct vcpu, member) }

static const struct {
	u16 group, state, vcpu;
} kept[] = {
	KEPT(CRS, cr2, lazy.cr2), KEPT(CRS, cr8, cr8), KEPT(DRS, dr6, lazy.dr6),
	KEPT(MSRS, star, lazy.star), KEPT(MSRS, lstar, lazy.lstar), KEPT(MSRS, cstar, lazy.cstar),
	KEPT(MSRS, sfmask, lazy.sfmask), KEPT(MSRS, kernel_gs_base, lazy.kernel_gs_base),
};

static u64 *member(const void *base, u16 offset)
{
	return (u64 *)((char *)base + offset);
}

static void get_segments(struct hv_vcpu_state *s)
{
	for (u32 i = 0; i < HV_SEGS; i++) {
		s->seg[i] = (struct hv_segment){
			.selector = (u16)vmread(GUEST_ES_SELECTOR + 2 * i),
			.attr = (u32)vmread(GUEST_ES_ACCESS_RIGHTS + 2 * i),
			.limit = (u32)vmread(GUEST_ES_LIMIT + 2 * i),
			.base = vmread(GUEST_ES_BASE + 2 * i),
		};
	}
	s->gdtr.limit = (u32)vmread(GUEST_GDTR_LIMIT);
	s->idtr.limit = (u32)vmread(GUEST_IDTR_LIMIT);
}

static void set_segments(const struct hv_vcpu_state *s)
{
	for (enum hv_seg i = 0; i < HV_SEGS; i++)
		vmx_set_segment(i, &s->seg[i]);
	vmwrite(GUEST_GDTR_LIMIT, s->gdtr.limit);
	vmwrite(GUEST_IDTR_LIMIT, s->idtr.limit);
}

static void get_interrupts(struct hv_vcpu_state *s)
{
	u64 blocking = vmread(GUEST_INTERRUPTIBILITY_STATE);

	s->interrupt_shadow = !!(blocking & (BLOCKING_BY_STI | BLOCKING_BY_MOV_SS));
	s->nmi_blocked = !!(blocking & BLOCKING_BY_NMI);
}

/*
 * A shadow with IF clear can only be from MOV SS. With TF set, the single-step trap that comes
 * after the shadow must already be pending (26.3.1.5).
 */
static void set_interrupts(const struct hv_vcpu_state *s)
{
	u64 rflags = vmread(GUEST_RFLAGS), blocking = 0, pending = 0;

	if (s->interrupt_shadow) {
		blocking = rflags & RFLAGS_IF ? BLOCKING_BY_STI : BLOCKING_BY_MOV_SS;
		pending = rflags & RFLAGS_TF ? PENDING_DEBUG_BS : 0;
	}
	if (s->nmi_blocked)
		blocking |= BLOCKING_BY_NMI;
	vmwrite(GUEST_INTERRUPTIBILITY_STATE, blocking);
	vmwrite(GUEST_PENDING_DEBUG_EXCEPTIONS, pending);
}

void vmx_getstate(struct vcpu *v, struct hv_vcpu_state *s, u64 groups)
{
	struct vmx_mode m;

	vmx_vmcs_borrow(v);
	if (groups & HV_STATE_GPRS)
		memcpy(s->gpr, v->gpr, sizeof(s->gpr));
	if (groups & HV_STATE_SEGS)
		get_segments(s);
	if (groups & HV_STATE_INTR)
		get_interrupts(s);
	vmx_get_mode(v, &m);
	if (groups & HV_STATE_CRS) {
		s->cr0 = m.cr0;
		s->cr3 = m.cr3;
		s->cr4 = m.cr4;
	}
	if (groups & HV_STATE_MSRS)
		s->efer = m.efer;
	for (u32 i = 0; i < ARRAY_SIZE(fields); i++) {
		if (groups & fields[i].group)
			*member(s, fields[i].state) = vmread(fields[i].field);
	}
	for (u32 i = 0; i < ARRAY_SIZE(kept); i++) {
		if (groups & kept[i].group)
			*member(s, kept[i].state) = *member(v, kept[i].vcpu);
	}
	vmx_vmcs_return(v);
}

static bool canonical(u64 linear)
{
	return (u64)((s64)(linear << 16) >> 16) == linear;
}

/*
 * What no CPU could hold, and what we load ourselves: WRMSR and MOV DR fault in the host. Finer
 * rules are the VM entry's, and end in a refusal that names them.
 */
static bool loadable(const struct hv_vcpu_state *s, u64 groups)
{
	if (groups & HV_STATE_CRS && s->cr8 > 15)
		return false;
	if (groups & HV_STATE_DRS && (s->dr6 >> 32 || s->dr7 >> 32))
		return false;
	return !(groups & HV_STATE_MSRS) ||
	       (canonical(s->lstar) && canonical(s->cstar) && canonical(s->kernel_gs_base) &&
		!(s->sfmask >> 32));
}

/* The mode that the vCPU would be in. @return -EINVAL: it can't be */
static int new_mode(struct vcpu *v, const struct hv_vcpu_state *s, u64 groups, struct vmx_mode *m)
{
	vmx_get_mode(v, m);
	if (groups & HV_STATE_CRS) {
		m->cr0 = s->cr0;
		m->cr3 = s->cr3;
		m->cr4 = s->cr4;
	}
	if (groups & HV_STATE_MSRS)
		m->efer = s->efer;
	return vmx_check_mode(v, m);
}

int vmx_setstate(struct vcpu *v, const struct hv_vcpu_state *s, u64 groups)
{
	struct vmx_mode m;
	int error;

	if (!loadable(s, groups))
		return -EINVAL;
	vmx_vmcs_borrow(v);
	error = groups & (HV_STATE_CRS | HV_STATE_MSRS) ? new_mode(v, s, groups, &m) : 0;
	if (error)
		goto out;
	if (groups & (HV_STATE_CRS | HV_STATE_MSRS))
		vmx_set_mode(v, &m);
	if (groups & HV_STATE_GPRS)
		memcpy(v->gpr, s->gpr, sizeof(v->gpr));
	if (groups & HV_STATE_SEGS)
		set_segments(s);
	for (u32 i = 0; i < ARRAY_SIZE(fields); i++) {
		if (groups & fields[i].group)
			vmwrite(fields[i].field, *member(s, fields[i].state));
	}
	for (u32 i = 0; i < ARRAY_SIZE(kept); i++) {
		if (groups & kept[i].group)
			*member(v, kept[i].vcpu) = *member(s, kept[i].state);
	}
	if (groups & HV_STATE_INTR)
		set_interrupts(s);
out:
	vmx_vmcs_return(v);
	return error;
}
