/* AMD SVM: the guest's registers in the VMCB, read and written by name. */
#include "hvm/svm.h"
#include "lib/string.h"
#include "x86/regs.h"

/* The VMCB packs the attributes into 12 bits and has no "unusable": that is P = 0. */
static u32 attr_from_vmcb(u16 attr)
{
	return (attr & 0xff) | (u32)(attr & 0xf00) << 4 | (attr & SEG_P ? 0 : (u32)SEG_UNUSABLE);
}

u64 svm_get(struct vcpu *v, enum hvm_reg reg)
{
	const struct vmcb *c = vmcb_of(v);

	switch (reg) {
	case HVM_RIP: return c->rip;
	case HVM_RSP: return c->rsp;
	case HVM_RFLAGS: return c->rflags;
	case HVM_CR0: return c->cr0;
	case HVM_CR3: return c->cr3;
	case HVM_CR4: return c->cr4;
	case HVM_EFER: return c->efer & ~EFER_SVME;
	case HVM_CR8: return c->int_ctl & V_TPR & 0xf;
	case HVM_PAT: return c->g_pat;
	case HVM_TSC_OFFSET: return c->tsc_offset;
	case HVM_CPL: return c->ss.attr >> 5 & 3;	/* what every CPU keeps right */
	default: return 0;
	}
}

/* With nested paging each walk reads the PDPTEs from memory (APM vol. 2, 15.25.10). */
void svm_get_paging(struct vcpu *v, struct hvm_paging *p)
{
	const struct vmcb *c = vmcb_of(v);

	p->cr0 = c->cr0;
	p->cr3 = c->cr3;
	p->cr4 = c->cr4;
	p->efer = c->efer;
	p->rflags = c->rflags;
	p->rip = c->rip;
	p->cpl = c->ss.attr >> 5 & 3;
	p->cs_attr = attr_from_vmcb(c->cs.attr);
	p->cs_base = c->cs.base;
	p->has_pdpte = false;
}

void svm_set(struct vcpu *v, enum hvm_reg reg, u64 value)
{
	struct vmcb *c = vmcb_of(v);
	u64 lma = c->cr0 & CR0_PG && value & EFER_LME ? EFER_LMA : 0;

	switch (reg) {
	case HVM_RIP: c->rip = value; break;
	case HVM_RSP: c->rsp = value; break;
	case HVM_RFLAGS: c->rflags = value | RFLAGS_FIXED; break;
	case HVM_CR0: c->cr0 = value; break;
	case HVM_CR3: c->cr3 = value; break;
	case HVM_CR4: c->cr4 = value; break;
	case HVM_EFER: c->efer = (value & ~EFER_LMA) | lma | EFER_SVME; break;
	case HVM_CR8: c->int_ctl = (c->int_ctl & ~V_TPR) | (u32)value; break;
	case HVM_PAT: c->g_pat = value; break;
	case HVM_TSC_OFFSET: c->tsc_offset = value; break;
	default: break;
	}
}

/* Registers of 64 bits that have one field each: where in hv_vcpu_state, where in the VMCB. */
#define REG(item, field) { offsetof(struct hv_vcpu_state, item), offsetof(struct vmcb, field) }

struct reg_map {
	u16 state, vmcb;
};

static const struct reg_map crs[] = {
	REG(cr0, cr0), REG(cr2, cr2), REG(cr3, cr3), REG(cr4, cr4),
};
static const struct reg_map drs[] = {
	REG(dr6, dr6), REG(dr7, dr7),
};
static const struct reg_map msrs[] = {
	REG(efer, efer), REG(star, star), REG(lstar, lstar), REG(cstar, cstar),
	REG(sfmask, sfmask), REG(kernel_gs_base, kernel_gs_base), REG(pat, g_pat),
	REG(sysenter_cs, sysenter_cs), REG(sysenter_esp, sysenter_esp),
	REG(sysenter_eip, sysenter_eip), REG(tsc_offset, tsc_offset),
};

static const struct {
	u64 group;
	const struct reg_map *map;
	u32 count;
} groups_of[] = {
	{ HV_STATE_CRS, crs, ARRAY_SIZE(crs) },
	{ HV_STATE_DRS, drs, ARRAY_SIZE(drs) },
	{ HV_STATE_MSRS, msrs, ARRAY_SIZE(msrs) },
};

static const u16 segments[HV_SEGS] = {
	[HV_ES] = offsetof(struct vmcb, es), [HV_CS] = offsetof(struct vmcb, cs),
	[HV_SS] = offsetof(struct vmcb, ss), [HV_DS] = offsetof(struct vmcb, ds),
	[HV_FS] = offsetof(struct vmcb, fs), [HV_GS] = offsetof(struct vmcb, gs),
	[HV_LDTR] = offsetof(struct vmcb, ldtr), [HV_TR] = offsetof(struct vmcb, tr),
};

static u16 attr_to_vmcb(u32 attr)
{
	u16 packed = (u16)((attr & 0xff) | (attr >> 4 & 0xf00));

	return attr & SEG_UNUSABLE ? packed & (u16)~SEG_P : packed;
}

void svm_getstate(struct vcpu *v, struct hv_vcpu_state *s, u64 groups)
{
	struct vmcb *c = vmcb_of(v);

	if (groups & HV_STATE_GPRS) {
		memcpy(s->gpr, v->gpr, sizeof(s->gpr));
		s->gpr[HV_RSP] = c->rsp;
		s->rip = c->rip;
		s->rflags = c->rflags;
	}
	if (!(groups & HV_STATE_ALL & ~HV_STATE_GPRS))
		return;
	for (u32 g = 0; g < ARRAY_SIZE(groups_of); g++) {
		for (u32 i = 0; groups & groups_of[g].group && i < groups_of[g].count; i++) {
			const struct reg_map *m = &groups_of[g].map[i];

			*(u64 *)((char *)s + m->state) = *(u64 *)((char *)c + m->vmcb);
		}
	}
	if (groups & HV_STATE_MSRS)
		s->efer &= ~EFER_SVME;
	if (groups & HV_STATE_CRS)
		s->cr8 = c->int_ctl & V_TPR & 0xf;
	if (groups & HV_STATE_INTR) {
		s->interrupt_shadow = c->interrupt_shadow & INTERRUPT_SHADOW;
		s->nmi_blocked = !!(c->intercept_misc1 & INTERCEPT_IRET);
	}
	for (u32 i = 0; groups & HV_STATE_SEGS && i < HV_SEGS; i++) {
		const struct vmcb_segment *seg = (void *)((char *)c + segments[i]);

		s->seg[i] = (struct hv_segment){ .selector = seg->selector, .base = seg->base,
						 .limit = seg->limit,
						 .attr = attr_from_vmcb(seg->attr) };
	}
	if (groups & HV_STATE_SEGS) {
		s->gdtr = (struct hv_table){ c->gdtr.base, c->gdtr.limit };
		s->idtr = (struct hv_table){ c->idtr.base, c->idtr.limit };
	}
}

/* What no CPU could hold; finer rules are VMRUN's, and end in a refusal that names them. */
static bool loadable(const struct hv_vcpu_state *s, u64 groups)
{
	if (groups & HV_STATE_CRS && (s->cr0 >> 32 || s->cr4 >> 32 || s->cr8 > 15))
		return false;
	if (groups & HV_STATE_DRS && (s->dr6 >> 32 || s->dr7 >> 32))
		return false;
	return !(groups & HV_STATE_MSRS && s->efer & ~(EFER_SVM_VALID & ~EFER_SVME));
}

static void set_gprs(struct vcpu *v, const struct hv_vcpu_state *s)
{
	struct vmcb *c = vmcb_of(v);

	memcpy(v->gpr, s->gpr, sizeof(s->gpr));
	c->rax = s->gpr[HV_RAX];
	c->rsp = s->gpr[HV_RSP];
	c->rip = s->rip;
	c->rflags = s->rflags;
}

/* The groups but HV_STATE_GPRS. */
static void set_others(struct vmcb *c, const struct hv_vcpu_state *s, u64 groups)
{
	for (u32 g = 0; g < ARRAY_SIZE(groups_of); g++) {
		for (u32 i = 0; groups & groups_of[g].group && i < groups_of[g].count; i++) {
			const struct reg_map *m = &groups_of[g].map[i];

			*(u64 *)((char *)c + m->vmcb) = *(const u64 *)((const char *)s + m->state);
		}
	}
	if (groups & HV_STATE_MSRS)
		c->efer |= EFER_SVME;
	if (groups & HV_STATE_CRS)
		c->int_ctl = (c->int_ctl & ~V_TPR) | (u32)s->cr8;
	if (groups & HV_STATE_INTR) {
		c->interrupt_shadow = s->interrupt_shadow & INTERRUPT_SHADOW;
		c->intercept_misc1 &= ~(u32)INTERCEPT_IRET;
		c->intercept_misc1 |= s->nmi_blocked ? (u32)INTERCEPT_IRET : 0;
	}
	for (u32 i = 0; groups & HV_STATE_SEGS && i < HV_SEGS; i++) {
		const struct hv_segment *seg = &s->seg[i];

		*(struct vmcb_segment *)((char *)c + segments[i]) = (struct vmcb_segment){
			.selector = seg->selector, .base = seg->base, .limit = seg->limit,
			.attr = attr_to_vmcb(seg->attr),
		};
	}
	if (groups & HV_STATE_SEGS) {
		c->cpl = s->seg[HV_SS].attr >> 5 & 3;
		c->gdtr.base = s->gdtr.base;
		c->gdtr.limit = s->gdtr.limit;
		c->idtr.base = s->idtr.base;
		c->idtr.limit = s->idtr.limit;
	}
}

int svm_setstate(struct vcpu *v, const struct hv_vcpu_state *s, u64 groups)
{
	if (groups & ~HV_STATE_GPRS) {
		if (!loadable(s, groups))
			return -EINVAL;
		set_others(vmcb_of(v), s, groups);
	}
	if (groups & HV_STATE_GPRS)
		set_gprs(v, s);
	return 0;
}
