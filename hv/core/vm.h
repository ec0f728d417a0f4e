/**
 * @file vm.h
 * What the core knows of a virtual machine and of a virtual CPU. Ids come in through the API and
 * become these pointers; the pointers never go out.
 */
#ifndef CORE_VM_H
#define CORE_VM_H

#include "api.h"
#include "core/trace.h"
#include "mm/types.h"

struct hvm_ops;

/** A stretch of guest physical memory. */
struct region {
	gpa_t gpa;
	hpa_t hpa;		/**< where contiguous host memory backs it (mm/p2m_flat.c) */
	u64 size;		/**< bytes; 0: the slot is free */
	u32 prot;		/**< HV_PROT_* */
};

/** The log of dirty pages (mm/p2m_dirty.c). */
struct dirty_log {
	gpa_t start;
	u64 pages;		/**< of 4 KiB */
	u64 *map;		/**< a bit for each, set: dirty; NULL: there is no log */
};

/** What the audit knows of a vCPU (mm/p2m_audit.c); all zero when there is none. */
struct p2m_audit {
	struct audit_page *pages;	/**< entries as they were */
	u64 generation;		/**< the VM's p2m_generation at the last run; 0: none on this CPU */
	bool loaded;		/**< the vCPU has taken its CPU since */
};

/** What the guest's CPUID says about its page tables (mm/guest_walk.c). */
struct paging_limits {
	u64 reserved;		/**< address bits that no entry may have */
	u64 reserved_4m;	/**< the same of an entry for a 4 MiB page */
	u64 large;		/**< sizes of pages with PS in entries of 8 bytes, added up */
};

struct vm {
	int id;			/**< 1 to HV_MAX_VMS; also its ASID or VPID */
	const struct hvm_ops *ops;
	struct hv_machine_config config;
	struct region region[HV_MAX_REGIONS];
	bool paged;		/**< memory comes page by page (mm/p2m.c), not mm/p2m_flat.c's */
	hpa_t p2m_root;		/**< root of the second-level tables */
	u64 p2m_pages;		/**< pages that they take, the root included */
	u64 p2m_limit;		/**< paged: most pages that they may take */
	u64 p2m_generation;	/**< from 1, changes when cached translations are wrong */
	struct dirty_log dirty;
	struct paging_limits limits;
	void *io_bitmap;	/**< which ports exit; layout and size are the back end's */
	void *msr_bitmap;	/**< which MSRs exit; likewise */
	u32 unknown_msr[16];	/**< MSRs that it has tried and does not have; each is told once */
	u32 unknown_msrs;
	struct vcpu *vcpu[HV_MAX_VCPUS];
	u32 vcpu_count;
};

/** @return the machine of this id; NULL: there is none */
struct vm *vm_of(int id);

/**
 * Registers that neither the world switch nor the control block switches on at least one of the
 * two architectures. They stay in the CPU while other threads run, and change hands when another
 * vCPU takes the CPU: vcpu_take_cpu().
 */
struct vcpu_lazy {
	u64 dr[4];
	u64 xcr0;
	u64 tsc_aux;
	/* The rest is in the VMCB on AMD; Intel has no VMCS field for it. */
	u64 cr2, dr6;
	u64 star, lstar, cstar, sfmask, kernel_gs_base;
	void *xsave;		/**< one page, 64-byte aligned */
};

/** The way through the guest's tables to the page of code that was last read (mm/guest_fetch.c). */
struct code_path {
	u64 page, cr3;		/**< linear address / 4096, or CODE_NONE; where the way begins */
	u64 generation;		/**< of the VM's p2m, as long as which the pointers are good */
	const volatile u64 *entry[4];	/**< each entry on the way, and what it said; if there are
					     fewer, the last one again */
	u64 value[4];
	const u8 *code;		/**< first byte of the page */
};
#define CODE_NONE (~0ull)

/** An instruction that exited and had no prefix. See svm_advance_exactly(). */
struct plain_insn {
	u64 rip, cr3;		/**< where it was; PLAIN_NONE: nowhere */
	const u8 *code;		/**< its first byte */
};
#define PLAIN_NONE (~0ull)

struct vcpu {
	u64 gpr[HV_GPRS];	/**< first: the world switches index from here. RSP is in the
				     control block; RAX too on AMD, copied at each exit */
	struct vm *vm;
	u32 index;

	void *cb;		/**< the control block, one page: struct vmcb or the VMCS region */
	hpa_t cb_hpa;
	bool launched;		/**< VMX: VMRESUME from now on */
	u64 vmx_proc;		/**< VMX: the processor-based controls, kept to save a VMREAD */
	u64 cr8;		/**< VMX: the guest's CR8; AMD keeps it in V_TPR */

	struct plain_insn plain;
	struct code_path code;
	struct trace_who who;	/**< for the trace: this vCPU, on its present CPU */
	struct vcpu_lazy lazy;

	struct hv_event reinject;	/**< its delivery was cut short by an exit: goes first */
	struct hv_event exception;	/**< caused by the instruction that just exited */
	struct hv_event queued;		/**< from hv_vcpu_inject() */

	struct hv_exit exit;		/**< the last one that went to the outside */
	u64 p2m_seen;		/**< the VM's p2m_generation when it last entered; 0: never did */
	bool bare;		/**< the machine's config.bare, close at hand */
	u8 in_size;		/**< bytes of the IN that waits for its data; 0: none */
	bool at_entry;		/**< there is something to do before each entry: before_entry() */
	bool timed;		/**< the back end was told of `timer` or `alarm`, or must be */
	bool awaited;		/**< the outside waits until the guest can take an interrupt */
	bool running;		/**< a thread is in hv_vcpu_run() */
	bool stop;		/**< hv_vcpu_stop() was called */
	u64 look;		/**< TSC at which vcpu_run() looks at budget, turn and `stop` */
	u64 timer;		/**< TSC at which HV_EXIT_TIMER is due; 0: never */
	u64 alarm;		/**< TSC at which HV_EXIT_ALARM is due; 0: never */
	u64 left;		/**< TSC at the last exit to the outside; 0: there was none */
	u64 ran;		/**< TSC ticks it has used, exits and the work for them included */
	struct p2m_audit audit;
};

#endif
