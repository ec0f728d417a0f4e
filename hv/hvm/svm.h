/**
 * @file svm.h
 * The VMCB, its bits, and the instructions of AMD SVM (APM vol. 2, chapter 15).
 */
#ifndef HVM_SVM_H
#define HVM_SVM_H

#include "hvm/hvm.h"

/** A segment register in the VMCB. `attr` is bits 55:52 and 47:40 of its descriptor, packed. */
struct vmcb_segment {
	u16 selector;
	u16 attr;
	u32 limit;
	u64 base;
} __packed;

#define VMCB_SEG_L	BIT(9)
#define VMCB_SEG_DB	BIT(10)
#define VMCB_SEG_G	BIT(11)

/** Virtual Machine Control Block. svm.def holds the offset of every field, and checks this. */
struct vmcb {
	/* Control area */
	u32 intercept_cr;
#define INTERCEPT_CR8_WRITE	BIT(16 + 8)
	u32 intercept_dr;
	u32 intercept_exceptions;
	u32 intercept_misc1;
#define INTERCEPT_INTR		BIT(0)
#define INTERCEPT_NMI		BIT(1)
#define INTERCEPT_INIT		BIT(3)
#define INTERCEPT_VINTR		BIT(4)
#define INTERCEPT_RDPMC		BIT(15)
#define INTERCEPT_CPUID		BIT(18)
#define INTERCEPT_IRET		BIT(20)
#define INTERCEPT_INVD		BIT(22)
#define INTERCEPT_HLT		BIT(24)
#define INTERCEPT_INVLPGA	BIT(26)
#define INTERCEPT_IOIO_PROT	BIT(27)
#define INTERCEPT_MSR_PROT	BIT(28)
#define INTERCEPT_TASK_SWITCH	BIT(29)
#define INTERCEPT_FERR_FREEZE	BIT(30)
#define INTERCEPT_SHUTDOWN	BIT(31)
	u32 intercept_misc2;
#define INTERCEPT_VMRUN		BIT(0)
#define INTERCEPT_VMMCALL	BIT(1)
#define INTERCEPT_VMLOAD	BIT(2)
#define INTERCEPT_VMSAVE	BIT(3)
#define INTERCEPT_STGI		BIT(4)
#define INTERCEPT_CLGI		BIT(5)
#define INTERCEPT_SKINIT	BIT(6)
#define INTERCEPT_WBINVD	BIT(9)
#define INTERCEPT_MONITOR	BIT(10)
#define INTERCEPT_MWAIT		BIT(11)
#define INTERCEPT_MWAIT_ARMED	BIT(12)
#define INTERCEPT_XSETBV	BIT(13)
	u32 intercept_misc3;
	u8 reserved_018[0x03c - 0x018];
	u16 pause_filter_threshold;
	u16 pause_filter_count;
	u64 iopm_base_pa;
	u64 msrpm_base_pa;
	u64 tsc_offset;
	u32 guest_asid;
	u32 tlb_control;
#define TLB_CONTROL_NONE	0
#define TLB_CONTROL_FLUSH_ALL	1
#define TLB_CONTROL_FLUSH_ASID	3
	u32 int_ctl;
#define V_TPR			0xffu
#define V_IRQ			BIT(8)
#define V_INTR_PRIO		(0xfull << 16)
#define V_IGN_TPR		BIT(20)
#define V_INTR_MASKING		BIT(24)
	u32 int_vector;
	u64 interrupt_shadow;
#define INTERRUPT_SHADOW	BIT(0)
	u64 exitcode;
	u64 exitinfo1;
#define IOIO_IN			BIT(0)
#define IOIO_STR		BIT(2)
#define IOIO_REP		BIT(3)
#define IOIO_SIZE(info)		((info) >> 4 & 7)	/* bytes: 1, 2, 4 */
#define IOIO_PORT(info)		((u16)((info) >> 16))
#define NPF_PRESENT		BIT(0)
#define NPF_WRITE		BIT(1)
#define NPF_FETCH		BIT(4)
#define NPF_WALK		BIT(33)	/* of the guest's own tables, not of what they led to */
#define CR_VALID		BIT(63)	/* bits 3:0 have the register (decode assists) */
	u64 exitinfo2;
	u64 exitintinfo;
	u64 np_enable;
	u8 reserved_098[0x0a8 - 0x098];
	u64 eventinj;			/* EXITINTINFO has the same layout */
#define EVENTINJ_VECTOR		0xffu
#define EVENTINJ_TYPE_SHIFT	8
#define EVENTINJ_EV		BIT(11)	/* has an error code, in 63:32 */
#define EVENTINJ_VALID		BIT(31)
	u64 n_cr3;
	u64 lbr_control;
	u64 clean;
	u64 nrip;
	u8 fetched_bytes;
	u8 fetched[15];
	u8 reserved_0e0[0x400 - 0x0e0];

	/* Save area */
	struct vmcb_segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
	u8 reserved_4a0[0x4cb - 0x4a0];
	u8 cpl;
	u8 reserved_4cc[4];
	u64 efer;
#define EFER_SVM_VALID		0xfd01ull	/* SCE LME LMA NXE SVME LMSLE FFXSR TCE ... */
	u8 reserved_4d8[0x548 - 0x4d8];
	u64 cr4, cr3, cr0, dr7, dr6, rflags, rip;
	u8 reserved_580[0x5d8 - 0x580];
	u64 rsp;
	u8 reserved_5e0[0x5f8 - 0x5e0];
	u64 rax, star, lstar, cstar, sfmask, kernel_gs_base;
	u64 sysenter_cs, sysenter_esp, sysenter_eip, cr2;
	u8 reserved_648[0x668 - 0x648];
	u64 g_pat;
	u8 reserved_670[0x1000 - 0x670];
} __packed;

static_assert(sizeof(struct vmcb) == 4096, "APM vol. 2, appendix B");
#define SVM_FIELD(name, offset, bytes, group) \
	static_assert(offsetof(struct vmcb, name) == (offset) && \
		      sizeof(((struct vmcb *)0)->name) == (bytes), "svm.def: " #name);
#include "hvm/svm.def"

/** Exit codes, as the manual names them: VMEXIT_CPUID. */
enum svm_exit {
#define SVM_EXIT(code, name, reason) VMEXIT_##name = (int)(code),
#include "hvm/svm.def"
};

/* CPUID Fn8000_000A (APM vol. 3, E.4.9) */
#define CPUID_SVM		0x8000000a
#define CPUID_SVM_NP		BIT(0)	/* EDX */
#define CPUID_SVM_NRIPS		BIT(3)
#define CPUID_SVM_FLUSH_BY_ASID	BIT(6)
#define CPUID_8000_0001_ECX_SVM	BIT(2)

#define IOPM_PAGES	3	/* a bit for each port (15.10.1) */
#define MSRPM_PAGES	2	/* two bits for each MSR of three ranges (15.11) */

/**
 * The world switch: load the guest's registers, VMRUN, save them again. GIF is 1 before and after.
 * @param vmcb       the guest's VMCB
 * @param gpr        16 registers in encoding order; RAX and RSP are in the VMCB instead
 * @param host_vmcb  a page for the host's VMSAVE state
 */
void svm_enter(hpa_t vmcb, u64 *gpr, hpa_t host_vmcb);

static inline struct vmcb *vmcb_of(struct vcpu *v)
{
	return v->cb;
}

/* svm_state.c: the vCPU's registers as hvm_ops wants them */
u64 svm_get(struct vcpu *v, enum hvm_reg reg);
void svm_get_paging(struct vcpu *v, struct hvm_paging *p);
void svm_set(struct vcpu *v, enum hvm_reg reg, u64 value);
void svm_getstate(struct vcpu *v, struct hv_vcpu_state *s, u64 groups);
int svm_setstate(struct vcpu *v, const struct hv_vcpu_state *s, u64 groups);

/* svm_check.c */
void svm_see_cpu(struct cpu *cpu, hvm_see_fn see);
void svm_dump(struct vcpu *v, hvm_see_fn see);
void svm_explain(struct vcpu *v, hvm_rule_fn say, void *ctx);

#endif
