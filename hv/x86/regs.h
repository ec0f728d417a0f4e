/* Registers, by the manuals' names: control registers, EFER, MSRs, flags, exceptions. */
#ifndef X86_REGS_H
#define X86_REGS_H

#include "lib/types.h"

/* RFLAGS (SDM vol. 1, 3.4.3) */
#define RFLAGS_CF	BIT(0)
#define RFLAGS_FIXED	BIT(1)
#define RFLAGS_PF	BIT(2)
#define RFLAGS_AF	BIT(4)
#define RFLAGS_ZF	BIT(6)
#define RFLAGS_SF	BIT(7)
#define RFLAGS_TF	BIT(8)
#define RFLAGS_IF	BIT(9)
#define RFLAGS_DF	BIT(10)
#define RFLAGS_OF	BIT(11)
#define RFLAGS_RF	BIT(16)
#define RFLAGS_VM	BIT(17)
#define RFLAGS_AC	BIT(18)

/* CR0 (SDM vol. 3, 2.5) */
#define CR0_PE	BIT(0)
#define CR0_MP	BIT(1)
#define CR0_EM	BIT(2)
#define CR0_TS	BIT(3)
#define CR0_ET	BIT(4)
#define CR0_NE	BIT(5)
#define CR0_WP	BIT(16)
#define CR0_AM	BIT(18)
#define CR0_NW	BIT(29)
#define CR0_CD	BIT(30)
#define CR0_PG	BIT(31)

/* CR4 */
#define CR4_PSE		BIT(4)
#define CR4_PAE		BIT(5)
#define CR4_PGE		BIT(7)
#define CR4_OSFXSR	BIT(9)
#define CR4_LA57	BIT(12)
#define CR4_VMXE	BIT(13)
#define CR4_SMXE	BIT(14)
#define CR4_PCIDE	BIT(17)
#define CR4_OSXSAVE	BIT(18)
#define CR4_SMEP	BIT(20)
#define CR4_SMAP	BIT(21)

/* XCR0 (SDM vol. 1, 13.3) */
#define XCR0_X87	BIT(0)
#define XCR0_SSE	BIT(1)
#define XCR0_AVX	BIT(2)
#define XCR0_AVX512	(BIT(5) | BIT(6) | BIT(7))

/* Model-specific registers (SDM vol. 4; APM vol. 2, appendix A) */
#define MSR_TSC			0x10
#define MSR_PLATFORM_ID		0x17	/* Intel */
#define MSR_APIC_BASE		0x1b
#define APIC_BASE_BSP		BIT(8)
#define MSR_FEATURE_CONTROL	0x3a	/* IA32_FEATURE_CONTROL, Intel (SDM vol. 3, 23.7) */
#define FEATURE_CONTROL_LOCK	BIT(0)
#define FEATURE_CONTROL_VMXON	BIT(2)	/* outside SMX */
#define MSR_BIOS_SIGN_ID	0x8b	/* AMD: PATCH_LEVEL */
#define MSR_MCG_CAP		0x179
#define MSR_SYSENTER_CS		0x174
#define MSR_SYSENTER_ESP	0x175
#define MSR_SYSENTER_EIP	0x176
#define MSR_MISC_ENABLE		0x1a0
#define MSR_DEBUGCTL		0x1d9
#define MSR_PAT			0x277
#define MSR_EFER		0xc0000080
#define MSR_STAR		0xc0000081
#define MSR_LSTAR		0xc0000082
#define MSR_CSTAR		0xc0000083
#define MSR_SFMASK		0xc0000084
#define MSR_FS_BASE		0xc0000100
#define MSR_GS_BASE		0xc0000101
#define MSR_KERNEL_GS_BASE	0xc0000102
#define MSR_TSC_AUX		0xc0000103
#define MSR_SYSCFG		0xc0010010	/* AMD, like those after it */
#define MSR_HWCR		0xc0010015
#define MSR_NB_CFG		0xc001001f
#define MSR_VM_CR		0xc0010114	/* APM vol. 2, 15.30.1 */
#define VM_CR_LOCK		BIT(3)
#define VM_CR_SVMDIS		BIT(4)
#define MSR_VM_HSAVE_PA		0xc0010117
#define MSR_DE_CFG		0xc0011029

/* PAT after reset: WB WT UC- UC, twice (SDM vol. 3, 11.12.4) */
#define PAT_RESET	0x0007040600070406ull

#define EFER_SCE	BIT(0)
#define EFER_LME	BIT(8)
#define EFER_LMA	BIT(10)
#define EFER_NXE	BIT(11)
#define EFER_SVME	BIT(12)

#define DR6_RESET	0xffff0ff0ull
#define DR6_BS		BIT(14)
#define DR6_EVENTS	0x600full	/* B0-B3, BD, BS */
#define DR7_RESET	0x400ull
#define DR7_GD		0x2000ull

/* Entries of page tables (SDM vol. 3, 4.5) */
#define PTE_P		BIT(0)
#define PTE_W		BIT(1)
#define PTE_U		BIT(2)
#define PTE_PCD		BIT(4)	/* not cached: for device registers */
#define PTE_A		BIT(5)	/* the CPU has used the entry */
#define PTE_D		BIT(6)	/* and has written to its page */
#define PTE_PS		BIT(7)	/* a page, where there could be a table */
#define PTE_G		BIT(8)
#define PTE_NX		BIT(63)
#define PTE_ADDR	0x000ffffffffff000ull

/* Error codes of #PF (SDM vol. 3, 4.7) */
#define PF_P		BIT(0)	/* not for want of an entry that is present */
#define PF_W		BIT(1)	/* a write */
#define PF_U		BIT(2)	/* an access of CPL 3's */
#define PF_RSVD		BIT(3)	/* a reserved bit is set in an entry */
#define PF_I		BIT(4)	/* a fetch of an instruction */

/* Exceptions (SDM vol. 3, table 6-1) */
#define EXC_DB	1
#define EXC_NMI	2
#define EXC_BP	3
#define EXC_OF	4
#define EXC_UD	6
#define EXC_DF	8
#define EXC_GP	13
#define EXC_PF	14
#define EXC_AC	17

/* Segment attributes in the layout of struct hv_segment */
#define SEG_TYPE_DATA	0x3	/* read, write, accessed */
#define SEG_TYPE_CODE	0xb	/* execute, read, accessed */
#define SEG_TYPE_LDT	0x2
#define SEG_TYPE_TSS16	0x3	/* busy */
#define SEG_TYPE_TSS	0xb	/* busy; 32-bit or 64-bit by EFER.LMA */
#define SEG_S		BIT(4)	/* code or data, not a system segment */
#define SEG_P		BIT(7)
#define SEG_L		BIT(13)	/* 64-bit code */
#define SEG_DB		BIT(14)	/* 32-bit */
#define SEG_G		BIT(15)	/* the limit counts pages */
#define SEG_UNUSABLE	BIT(16)

#endif
