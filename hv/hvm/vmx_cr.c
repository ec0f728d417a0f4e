/*
 * Intel VMX: the guest's CR0, CR3, CR4 and EFER, and with them its mode.
 *
 * Some bits of CR0 and CR4 can't be in the guest's hands. VMX operation fixes some (CR0.NE,
 * CR4.VMXE); caching is the host's (CR0.CD and NW); and a change of CR0.PE or CR0.PG must keep
 * EFER.LMA and the VM-entry controls in step. For those the guest/host masks have a 1: the guest
 * reads the read shadow, and a write that would change it exits (24.6.6, 25.1.3).
 */
#include "core/panic.h"
#include "hvm/vmx.h"
#include "lib/cpuid.h"
#include "lib/lab.h"
#include "mm/gmem.h"
#include "x86/insn.h"
#include "x86/regs.h"

#define CR0_DEFINED	(CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | \
			 CR0_NW | CR0_CD | CR0_PG)
#define EFER_DEFINED	(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)
#define PDPTE_P		BIT(0)
#define PDPTE_RESERVED	0x1e6u	/* below the physical-address width (SDM vol. 3, table 4-8) */

/* The bits from the physical-address width on. */
static u64 beyond_memory(void)
{
	return ~0ull << (cpuid(0x80000008, 0).eax & 0xff);
}

static bool pae_paging(const struct vmx_mode *m)
{
	return m->cr0 & CR0_PG && m->cr4 & CR4_PAE && !(m->efer & EFER_LMA);
}

void vmx_get_mode(struct vcpu *v, struct vmx_mode *m)
{
	m->cr0 = (vmread(GUEST_CR0) & CR0_GUEST_OWNED) |
		 (vmread(CR0_READ_SHADOW) & ~CR0_GUEST_OWNED);
	m->cr4 = (vmread(GUEST_CR4) & CR4_GUEST_OWNED) |
		 (vmread(CR4_READ_SHADOW) & ~CR4_GUEST_OWNED);
	m->cr3 = vmread(GUEST_CR3);
	m->efer = vmread(GUEST_IA32_EFER);
}

/* A CPU loads these when PAE paging begins or CR3 changes (SDM vol. 3, 4.4.1); here it is us. */
static int load_pdptes(struct vcpu *v, struct vmx_mode *m)
{
	if (gmem_read(v->vm, gpa(m->cr3 & 0xffffffe0), m->pdpte, sizeof(m->pdpte)))
		return -EINVAL;
	for (u32 i = 0; i < ARRAY_SIZE(m->pdpte); i++) {
		if (m->pdpte[i] & PDPTE_P && m->pdpte[i] & (PDPTE_RESERVED | beyond_memory()))
			return -EINVAL;
	}
	return 0;
}

int vmx_check_mode(struct vcpu *v, struct vmx_mode *m)
{
	bool pg = m->cr0 & CR0_PG, lme = m->efer & EFER_LME;

	if (m->cr0 >> 32 || (pg && !(m->cr0 & CR0_PE)) || (m->cr0 & CR0_NW && !(m->cr0 & CR0_CD)))
		return -EINVAL;
	if (m->cr4 & ~(CR4_GUEST_OWNED & rdmsr(MSR_IA32_VMX_CR4_FIXED1)))
		return -EINVAL;
	if (m->efer & ~EFER_DEFINED || (pg && lme && !(m->cr4 & CR4_PAE)))
		return -EINVAL;
	if (m->cr3 & beyond_memory())
		return -EINVAL;
	m->cr0 = (m->cr0 & CR0_DEFINED) | CR0_ET;	/* as a CPU does, without a fault */
	m->efer = (m->efer & ~EFER_LMA) | (pg && lme ? EFER_LMA : 0);
	return pae_paging(m) ? load_pdptes(v, m) : 0;
}

/**
 * Put the guest's view of its mode into the VMCS: into CR0 and CR4 with what the hardware demands
 * (A.7, A.8), and as it is into the read shadows. An unrestricted guest may have PE and PG clear
 * though they are among the fixed bits. The VM-entry control "IA-32e mode guest" must equal
 * EFER.LMA (26.3.1.1). m->pdpte counts in PAE paging only.
 */
void vmx_set_mode(struct vcpu *v, const struct vmx_mode *m)
{
	u64 fixed0 = rdmsr(MSR_IA32_VMX_CR0_FIXED0) & ~(CR0_PE | CR0_PG);
	u64 entry = vmread(VM_ENTRY_CONTROLS) & ~ENTRY_IA32E_MODE_GUEST;

	vmwrite(GUEST_CR0, (m->cr0 & ~(CR0_CD | CR0_NW)) | fixed0);
	vmwrite(CR0_READ_SHADOW, m->cr0);
	vmwrite(GUEST_CR4, m->cr4 | rdmsr(MSR_IA32_VMX_CR4_FIXED0));
	vmwrite(CR4_READ_SHADOW, m->cr4);
	vmwrite(GUEST_CR3, m->cr3);
	vmwrite(GUEST_IA32_EFER, m->efer);
	vmwrite(VM_ENTRY_CONTROLS, entry | (m->efer & EFER_LMA ? ENTRY_IA32E_MODE_GUEST : 0));
	for (u32 i = 0; pae_paging(m) && i < ARRAY_SIZE(m->pdpte); i++)
		vmwrite(GUEST_PDPTE0 + 2 * i, m->pdpte[i]);
	vmx_flush_linear(v);
}

/* ---- The guest's own accesses --------------------------------------------------------------- */

/* Rules about the way from one mode to another, not about the mode itself (SDM vol. 3, 9.8.5). */
static bool may_switch(const struct vmx_mode *old, const struct vmx_mode *new)
{
	if (!((old->efer ^ new->efer) & EFER_LMA))
		return true;
	if (vmread(GUEST_CS_ACCESS_RIGHTS) & SEG_L)
		return false;		/* between long and legacy mode only from 32-bit code */
	return !(new->efer & EFER_LMA) ||
	       (vmread(GUEST_TR_ACCESS_RIGHTS) & 0xf) != SEG_TYPE_TSS16;
}

/* Outside 64-bit mode, MOV to a control register takes 32 bits. */
static u64 source(struct vcpu *v, u8 gpr, const struct vmx_mode *m)
{
	u64 value = hvm_gpr_read(v, gpr);
	bool bits64 = m->efer & EFER_LMA && vmread(GUEST_CS_ACCESS_RIGHTS) & SEG_L;

	return bits64 ? value : (u32)value;
}

/* CR3 accesses exit only on a CPU that has no choice about it. CR0 and CR4 reads never do. */
static int read_access(struct vcpu *v, const struct hv_exit *x)
{
	if (x->cr.cr != 3)
		return -EINVAL;
	hvm_gpr_write(v, x->cr.gpr, vmread(GUEST_CR3));
	return 0;
}

int vmx_cr_access(struct vcpu *v, const struct hv_exit *x)
{
	struct vmx_mode old, new;

	if (!x->cr.write)
		return read_access(v, x);
	vmx_get_mode(v, &old);
	new = old;
	if (x->cr.clts)
		new.cr0 &= ~CR0_TS;
	else if (x->cr.lmsw)		/* bits 3:0, but it never clears PE */
		new.cr0 = (old.cr0 & ~(CR0_MP | CR0_EM | CR0_TS)) | (x->cr.lmsw_source & 15);
	else if (x->cr.cr == 0)
		new.cr0 = source(v, x->cr.gpr, &old);
	else if (x->cr.cr == 3)
		new.cr3 = source(v, x->cr.gpr, &old);
	else if (x->cr.cr == 4)
		new.cr4 = source(v, x->cr.gpr, &old);
	else
		return -EINVAL;
	if (vmx_check_mode(v, &new) || !may_switch(&old, &new))
		return -EINVAL;
	vmx_set_mode(v, &new);
	return 0;
}
