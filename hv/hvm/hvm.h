/**
 * @file hvm.h
 * The table of operations that makes AMD SVM and Intel VMX look alike. The rest of the hypervisor
 * calls through it and never asks which one runs.
 */
#ifndef HVM_HVM_H
#define HVM_HVM_H

#include "core/vm.h"
#include "mm/pte.h"

struct cpu;

/** A guest register that the core itself reads or writes while it handles an exit. */
enum hvm_reg {
	HVM_RIP, HVM_RSP, HVM_RFLAGS, HVM_CR0, HVM_CR3, HVM_CR4, HVM_EFER, HVM_PAT, HVM_CR8,
	HVM_CPL, HVM_TSC_OFFSET,
	HVM_REGS
};

/** All that the translation of linear addresses depends on, as the guest sees it; and CS:RIP. */
struct hvm_paging {
	u64 cr0, cr3, cr4, efer, rflags, rip;
	u32 cpl;
	u32 cs_attr;		/**< as in struct hv_segment */
	u64 cs_base;
	bool has_pdpte;		/**< the CPU uses `pdpte`, whatever is in memory */
	u64 pdpte[4];		/**< of PAE paging */
};

/** What the extension on this machine offers. */
struct hvm_caps {
	u32 asids;		/**< ASIDs, or VPIDs; 0 when there are none */
	bool nested_paging;	/**< NPT, or EPT */
	bool next_rip;		/**< exits tell the next instruction (VMX: always the length) */
	bool page_1g;		/**< second-level tables can have 1 GiB pages */
};

/** What the guest did when its second-level translation failed. */
struct hvm_violation {
	u32 access;		/**< HV_PROT_*: what it wanted to do; on Intel, both of a
				     read-modify-write */
	bool mapped;		/**< a page is there, but may not be used so */
	bool walk;		/**< the CPU itself did it, on its way through the guest's tables */
};

/** Called for each rule that a refused control block breaks. */
typedef void (*hvm_rule_fn)(void *ctx, const char *sentence, const char *section);

/** Called for something to look at: a register or field, by the manual's name. */
typedef void (*hvm_see_fn)(const char *name, u64 value);

struct hvm_ops {
	const char *name;

	/**
	 * Is the extension there and usable? Fills `caps`.
	 * @param why  set to a sentence for people when the answer is no
	 * @return -ENODEV (the CPU lacks it), -EPERM (firmware locked it)
	 */
	int (*probe)(struct hvm_caps *caps, const char **why);
	/** Turn the extension on for this CPU; allocates what it needs. @return -ENOMEM, -EPERM */
	int (*cpu_on)(struct cpu *cpu);

	/** The per-VM part: default-deny bitmaps. @return -ENOMEM */
	int (*vm_init)(struct vm *vm);
	void (*vm_fini)(struct vm *vm);
	/** Let the guest reach an MSR without an exit. */
	void (*msr_pass)(struct vm *vm, u32 msr);

	/** Allocate a control block and fill in its controls. @return -ENOMEM, -ENODEV */
	int (*vcpu_init)(struct vcpu *v);
	/** Put the state in which the guest starts into it. */
	void (*vcpu_start)(struct vcpu *v, const struct hv_vcpu_start *start);
	void (*vcpu_fini)(struct vcpu *v);
	/** This CPU's registers become `v`'s, the ones of struct vcpu_lazy that only VMX lacks. */
	void (*vcpu_load)(struct vcpu *v);
	/** Save them again; another vCPU, or another CPU, may load next. */
	void (*vcpu_put)(struct vcpu *v);

	/**
	 * One trip into the guest and back; the control block then says why it came back.
	 * @return 0; on VMX 1 or 2 when the entry failed at once (VMfailInvalid, VMfailValid)
	 */
	int (*enter)(struct vcpu *v);
	/**
	 * One trip into the guest and back; interrupts are off before and after. Fills `exit`, and
	 * v->reinject when the exit cut the delivery of an event short. An interrupt for the host
	 * ends the trip and stays pending.
	 */
	void (*run)(struct vcpu *v, struct hv_exit *exit);
	/**
	 * Go past the instruction that exited; ends an interrupt shadow. exit->next_rip says where
	 * to, if it is not 0.
	 */
	void (*advance)(struct vcpu *v, const struct hv_exit *exit);

	u64 (*get)(struct vcpu *v, enum hvm_reg reg);
	/** The registers of a translation in one go. */
	void (*get_paging)(struct vcpu *v, struct hvm_paging *p);
	/** CR0, CR4 and EFER keep the bits that the hardware demands. */
	void (*set)(struct vcpu *v, enum hvm_reg reg, u64 value);
	/** The part of state.def that lives in the control block; the core does the rest. */
	void (*getstate)(struct vcpu *v, struct hv_vcpu_state *s, u64 groups);
	int (*setstate)(struct vcpu *v, const struct hv_vcpu_state *s, u64 groups);

	/**
	 * Do the MOV to or from CR0, CR3 or CR4, the CLTS or the LMSW that `exit` describes.
	 * @return -EINVAL: it gives #GP
	 */
	int (*cr_access)(struct vcpu *v, const struct hv_exit *exit);

	/** Deliver `event` at the next entry. */
	void (*inject)(struct vcpu *v, const struct hv_event *event);
	/** An event of type INTR or NMI could be delivered right now. */
	bool (*ready)(struct vcpu *v, enum hv_event_type type);
	/** Ask for, or no longer ask for, an exit as soon as an event of `type` could be. */
	void (*window)(struct vcpu *v, enum hv_event_type type, bool on);
	/** See to it that the guest's next run ends at TSC `tsc`, or not much later. */
	void (*deadline)(struct vcpu *v, u64 tsc);

	/**
	 * `v` is about to enter: its next run must use no second-level translation of its VM that
	 * this CPU has cached before.
	 */
	void (*flush)(struct vcpu *v);
	/**
	 * To be asked directly before run(): will it begin without these, because of flush() or
	 * otherwise?
	 */
	bool (*flushes)(struct vcpu *v);
	/** After HV_EXIT_MEMORY: what the control block says about it. */
	void (*violation)(struct vcpu *v, struct hvm_violation *out);
	/** A second-level entry: table (level > 1, not `leaf`), or page. See mm/npt.h, mm/ept.h. */
	u64 (*pte)(hpa_t hpa, unsigned int level, bool leaf, u32 prot);
	/** The same in both directions, with all that an entry can say; see mm/pte.h. */
	u64 (*pte_encode)(struct pte p, unsigned int level);
	struct pte (*pte_decode)(u64 entry, unsigned int level);
	/** Does this CPU keep the accessed and dirty bits of entries of `paged` VMs? */
	bool (*pte_ages)(void);

	/** Call `see` for the registers that show that the extension is on for this CPU. */
	void (*see_cpu)(struct cpu *cpu, hvm_see_fn see);
	/** Call `see` for what the rules make of sets of controls. NULL: there are no rules */
	void (*see_controls)(hvm_see_fn see);
	/**
	 * Call `see` for the fields of the control block that have the host's state, and for this
	 * CPU's registers. NULL: there are no such fields
	 */
	void (*see_host)(struct vcpu *v, hvm_see_fn see);
	/**
	 * Try entries that must fail, and call `see` with what comes of them. NULL: there are none
	 */
	void (*see_failures)(struct vcpu *v, hvm_see_fn see);
	/** Call `see` for every field of the control block. */
	void (*dump)(struct vcpu *v, hvm_see_fn see);
	/** After HV_EXIT_REFUSED: call `say` for each broken rule, the hardware's word first. */
	void (*explain)(struct vcpu *v, hvm_rule_fn say, void *ctx);
};

/** A general-purpose register by its number (enum hv_gpr); RSP is in the control block. */
static inline u64 hvm_gpr_read(struct vcpu *v, u8 gpr)
{
	return gpr == HV_RSP ? v->vm->ops->get(v, HVM_RSP) : v->gpr[gpr];
}

static inline void hvm_gpr_write(struct vcpu *v, u8 gpr, u64 value)
{
	if (gpr == HV_RSP)
		v->vm->ops->set(v, HVM_RSP, value);
	else
		v->gpr[gpr] = value;
}

extern const struct hvm_ops svm_ops, vmx_ops;

/** The back end of this machine, and what it can do. Set by hvm_init(). */
extern const struct hvm_ops *hvm;
extern struct hvm_caps hvm_caps;

/** Choose the back end and turn it on for the boot CPU; ends the machine when there is none. */
void hvm_init(void);

/**
 * The register with which firmware allows or forbids virtualization: VM_CR on AMD,
 * IA32_FEATURE_CONTROL on Intel. Emulators have it fixed, so hvm_pretend() can stand in for it.
 */
u64 hvm_firmware_read(void);
void hvm_firmware_write(u64 value);
/**
 * `firmware=locked`: as if it were forbidden; `open`: as if nobody had touched it. @return is it
 * one?
 */
bool hvm_pretend(const char *firmware);

#endif
