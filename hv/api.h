/**
 * @file api.h
 * The door between the core, which does only what needs privilege, and everything outside it:
 * device models, loaders, the VM loop, configuration.
 *
 * The shape is that of NetBSD's libnvmm. Handles are small ids, arguments are structs that the
 * core copies, and no pointer stays on the other side: the door will become a system call when
 * the outside moves to ring 3. The outside may use nothing of the core but what is declared here;
 * `make check` proves it against api.syms.
 *
 * Functions that can fail return 0 (or a result >= 0) or a negated error number of lib/errno.h.
 */
#ifndef API_H
#define API_H

#include "lib/errno.h"
#include "lib/types.h"

#define HV_MAX_VMS		128
#define HV_MAX_VCPUS		256	/* in one VM */
#define HV_MAX_REGIONS		8	/* of guest memory in one VM */
#define HV_MAX_CPUID		64	/* entries of a CPUID policy */
#define HV_MAX_MSRS		64	/* entries of an MSR policy */
#define HV_NAME_MAX		32	/* bytes of a name, terminator included */

/* ---- The machine that we run on ------------------------------------------------------------- */

/** What the hardware can do for us. */
struct hv_capability {
	char backend[8];	/**< "svm" or "vmx" */
	u32 asids;		/**< address-space ids (SVM) or VPIDs (VMX), 0 when it has none */
	u64 memory_free;	/**< bytes of host memory that are free */
	u64 memory_total;	/**< bytes of host memory that the hypervisor manages */
	u64 xcr0;		/**< the XCR0 bits that a guest may set (SDM vol. 1, 13.3) */
};

/** What this machine and its back end can do, and how much memory is free. */
int hv_capability(struct hv_capability *out);

/** A file that the boot loader put into memory. */
struct hv_module {
	char name[HV_NAME_MAX];
	u64 size;		/**< bytes */
};

/** @return -ENOENT when there is no module `index` (from 0) */
int hv_module_info(u32 index, struct hv_module *out);
/** Copy bytes of a module. @return bytes copied, fewer than `size` at its end; -ENOENT */
s64 hv_module_read(u32 index, u64 offset, void *buf, u64 size);

/** Channel of the hypervisor's own messages on the console; VMs have 1 to HV_MAX_VMS. */
#define HV_CONSOLE_HOST 0

/** Write to a channel of the console. */
void hv_console_write(u32 channel, const char *text, u64 size);
/**
 * What somebody has typed since the last call, at most `size` bytes.
 * @return how many; -ENODEV: nobody types on this machine
 */
int hv_console_read(char *text, u32 size);

/** Stop everything with a message: an error of the hypervisor's own, never a guest's doing. */
__noreturn void hv_fatal(const char *message);

/**
 * Memory for the outside itself: `size` bytes, zeroed. On this side of the door, it is pages of the
 * host; nothing in them is anybody else's business.
 * @return NULL: there is not so much, in one piece
 */
void *hv_memory_alloc(u64 size);
/** Give back what one hv_memory_alloc() of this size gave; NULL is nothing. */
void hv_memory_free(void *memory, u64 size);

/* ---- Threads -------------------------------------------------------------------------------- */

/** Start a thread that calls entry(arg). It ends when `entry` returns. @return -ENOMEM */
int hv_thread_start(const char *name, void (*entry)(u64 arg), u64 arg);
/** Let other threads run. */
void hv_thread_yield(void);
/** Wait until all the threads that were started have ended. */
void hv_thread_wait_all(void);

/* ---- Time ----------------------------------------------------------------------------------- */

/** Nanoseconds; what counts is their difference. Never goes back. */
u64 hv_clock(void);
/** Seconds since 1970-01-01 UTC, as this machine's real-time clock says. */
u64 hv_wall_clock(void);

/* ---- A machine ------------------------------------------------------------------------------ */

/** A leaf of the CPUID policy. A leaf that is not listed reads as zeros. */
struct hv_cpuid {
	u32 leaf;
	u32 subleaf;		/**< HV_CPUID_ANY: the leaf has no subleaves */
	u32 eax, ebx, ecx, edx;
};

#define HV_CPUID_ANY 0xffffffffu

/** What happens when a guest reads or writes an MSR. One that is not listed gives #GP. */
enum hv_msr_rule {
	HV_MSR_PASS,		/**< the guest has the register itself, if core/policy.c lists it */
	HV_MSR_READ_ONLY,	/**< reads as `value`; a write gives #GP */
	HV_MSR_IGNORE,		/**< reads as `value`; a write has no effect */
};

struct hv_msr {
	u32 index;
	enum hv_msr_rule rule;
	u64 value;
};

/** All that is fixed about a machine before it runs. */
struct hv_machine_config {
	char name[HV_NAME_MAX];
	u64 budget;		/**< TSC ticks that a vCPU may use; 0: no limit */
	bool bare;		/**< nothing is emulated: each exit of the guest comes out */
	u64 pool;		/**< pages for the tables of lazy memory; 0: enough for all of it */
	u32 cpuid_count;
	u32 msr_count;
	struct hv_cpuid cpuid[HV_MAX_CPUID];
	struct hv_msr msr[HV_MAX_MSRS];
};

/** Make an empty machine. @return its id, 1 to HV_MAX_VMS; -ENOSPC, -ENOMEM */
int hv_machine_create(void);
/** Set name and policies; only before the first vCPU. @return -EINVAL, -EBUSY, -ENOENT */
int hv_machine_configure(int vm, const struct hv_machine_config *config);
/** End a machine and give its memory back. @return -EBUSY while one of its vCPUs runs */
int hv_machine_destroy(int vm);

/* ---- Guest memory --------------------------------------------------------------------------- */

#define HV_PROT_READ	BIT(0)
#define HV_PROT_WRITE	BIT(1)
#define HV_PROT_EXEC	BIT(2)
#define HV_PROT_ALL	(HV_PROT_READ | HV_PROT_WRITE | HV_PROT_EXEC)

/**
 * Give a machine memory, zeroed and contiguous, at guest physical address `gpa`.
 * @param gpa,size  multiples of 4096
 * @return -EINVAL (not aligned, wraps, above 2^46), -EEXIST (overlaps), -ENOSPC, -ENOMEM; -EBUSY:
 *         the machine has lazy memory
 */
int hv_gpa_map(int vm, u64 gpa, u64 size, u32 prot);
/**
 * Give a machine memory that takes host memory only page by page, zeroed, when the guest or
 * hv_gpa_read() or hv_gpa_write() first touches one. When none is left, hv_vcpu_run() returns with
 * HV_EXIT_NO_MEMORY; with HV_EXIT_POOL, when the machine's `pool` is empty. A machine has memory of
 * this kind or of hv_gpa_map()'s, not of both.
 * @param gpa,size  multiples of 4096
 * @return -EINVAL, -EEXIST, -ENOSPC as above; -EBUSY: it has the other kind, or its first lazy
 *         memory comes after its first vCPU
 */
int hv_gpa_map_lazy(int vm, u64 gpa, u64 size, u32 prot);
/**
 * Take back memory that one hv_gpa_map() or hv_gpa_map_lazy() gave.
 * @return -ENOENT when `gpa`, `size` are not its; -EBUSY: it has a log, see hv_dirty_start()
 */
int hv_gpa_unmap(int vm, u64 gpa, u64 size);
/**
 * Copy from or to guest memory. All or nothing.
 * @return -EFAULT when any byte is not memory; -ENOMEM, -ENOSPC: lazy memory can't be had, as the
 *         host has none or the machine's pool is empty
 */
int hv_gpa_read(int vm, u64 gpa, void *buf, u64 size);
int hv_gpa_write(int vm, u64 gpa, const void *buf, u64 size);

/**
 * Begin to note which pages of a range are written to, by the guest or by hv_gpa_write(). At first
 * none is dirty. A CPU that walks the guest's page tables may write to them (accessed, dirty), or
 * count as if it did, so tables can be dirty without the guest's doing; and on Bochs as an Intel
 * CPU they can be clean although the CPU has set a bit in them.
 * @param gpa,size  multiples of 4096, inside memory that one hv_gpa_map_lazy() gave
 * @return -EINVAL; -EBUSY: the machine has a log; -ENOMEM; -ENOSPC: its pool is empty
 */
int hv_dirty_start(int vm, u64 gpa, u64 size);
/**
 * Read a part of the log, and make its pages clean again.
 * @param gpa,size  multiples of 4096, inside the log's range
 * @param bitmap    out: bit n % 64 of word n / 64 is set if page n from `gpa` on is dirty
 * @return how many are dirty; -EINVAL; -ENOENT: there is no log
 */
s64 hv_dirty_read(int vm, u64 gpa, u64 size, u64 *bitmap);
/** End the log. @return -ENOENT: there is none */
int hv_dirty_stop(int vm);

/* ---- A virtual CPU -------------------------------------------------------------------------- */

/** The processor mode in which a vCPU starts. */
enum hv_mode {
	HV_MODE_REAL,		/**< 16-bit, CR0.PE = 0 */
	HV_MODE_PROTECTED,	/**< 32-bit, flat segments, no paging */
	HV_MODE_LONG,		/**< 64-bit, flat segments, paging on */
};

/** How a vCPU starts. */
struct hv_vcpu_start {
	enum hv_mode mode;
	u64 rip;		/**< linear address of the first instruction */
	u64 rsp;		/**< initial stack pointer */
	u64 cr3;		/**< long mode: guest physical address of its PML4 */
	u64 args[2];		/**< put into RDI and RSI */
};

/** General-purpose registers by their number in instruction encodings (SDM vol. 2, table 2-1). */
enum hv_gpr {
	HV_RAX, HV_RCX, HV_RDX, HV_RBX, HV_RSP, HV_RBP, HV_RSI, HV_RDI,
	HV_R8, HV_R9, HV_R10, HV_R11, HV_R12, HV_R13, HV_R14, HV_R15,
	HV_GPRS
};

enum hv_seg { HV_ES, HV_CS, HV_SS, HV_DS, HV_FS, HV_GS, HV_LDTR, HV_TR, HV_SEGS };

/**
 * A segment register with its hidden part. `attr` has the layout of a VMX access-rights field
 * (SDM vol. 3, 24.4.1): type 3:0, S 4, DPL 6:5, P 7, AVL 12, L 13, D/B 14, G 15, unusable 16.
 */
struct hv_segment {
	u16 selector;
	u32 attr;
	u32 limit;
	u64 base;
};

struct hv_table {		/* GDTR and IDTR */
	u64 base;
	u32 limit;
};

/** The instruction that exited. */
struct hv_code {
	u8 bytes[15];		/**< from RIP on; what is behind it may be there, too */
	u8 size;		/**< how many there are; fewer than 15: no more can be read */
	u8 bits;		/**< 16, 32 or 64: in code of how many it is */
	bool implicit;		/**< after HV_EXIT_MEMORY: it is not the instruction's own access,
				     but the CPU's, to page tables or to deliver an event */
};

#define HV_XSAVE_SIZE 4096	/* bytes; the area of every XCR0 bit that we allow fits */

/** Kinds of event, numbered as in EVENTINJ and the VM-entry interruption information. */
enum hv_event_type {
	HV_EVENT_INTR = 0, HV_EVENT_NMI = 2, HV_EVENT_EXCEPTION = 3, HV_EVENT_SOFT = 4
};

/** Something to deliver through the guest's IDT. */
struct hv_event {
	u8 type;		/**< enum hv_event_type */
	u8 vector;
	u8 insn_len;		/**< HV_EVENT_SOFT: length of the INT instruction */
	bool valid;
	bool has_error;
	u32 error;
};

/** The whole of a vCPU's state, in groups. hv/core/state.def says who keeps what where. */
struct hv_vcpu_state {
	/* HV_STATE_GPRS */
	u64 gpr[HV_GPRS];
	u64 rip, rflags;
	/* HV_STATE_SEGS */
	struct hv_segment seg[HV_SEGS];
	struct hv_table gdtr, idtr;
	/* HV_STATE_CRS */
	u64 cr0, cr2, cr3, cr4, cr8, xcr0;
	/* HV_STATE_DRS */
	u64 dr[4], dr6, dr7;
	/* HV_STATE_MSRS */
	u64 efer, star, lstar, cstar, sfmask, kernel_gs_base;
	u64 sysenter_cs, sysenter_esp, sysenter_eip, pat, tsc_aux, tsc_offset;
	/* HV_STATE_INTR */
	u64 interrupt_shadow;	/**< 1: interrupts are held for one instruction (STI, MOV SS) */
	u64 nmi_blocked;
	struct hv_event pending;	/**< an event whose delivery has not finished */
	/* HV_STATE_FPU: the XSAVE area in its standard form (SDM vol. 1, 13.4) */
	u8 xsave[HV_XSAVE_SIZE] __aligned(64);
	/* HV_STATE_INSN */
	struct hv_code code;
};

#define HV_STATE_GPRS	BIT(0)
#define HV_STATE_SEGS	BIT(1)
#define HV_STATE_CRS	BIT(2)
#define HV_STATE_DRS	BIT(3)
#define HV_STATE_MSRS	BIT(4)
#define HV_STATE_INTR	BIT(5)
#define HV_STATE_FPU	BIT(6)
#define HV_STATE_ALL	(BIT(7) - 1)
/**
 * Not a part of the state. To read: the instruction that exited, if it has not been gone past. To
 * write: it has been done, so the guest goes on at `rip`, and an interrupt shadow is over.
 */
#define HV_STATE_INSN	BIT(7)

/** Why a vCPU left the guest: one list for both kinds of hardware. exit.def has the names. */
enum hv_exit_reason {
#define EXIT_REASON(NAME, name, meaning) HV_EXIT_##NAME,
#include "exit.def"
#undef EXIT_REASON
	HV_EXIT_REASONS
};

/** The name of a reason, as in the trace: "cpuid". */
static inline const char *hv_exit_name(enum hv_exit_reason reason)
{
	static const char *const names[] = {
#define EXIT_REASON(NAME, name, meaning) name,
#include "exit.def"
#undef EXIT_REASON
	};

	return reason < HV_EXIT_REASONS ? names[reason] : "?";
}

/** A VM exit, in neutral terms. Of the union only what is named for the reason is set. */
struct hv_exit {
	enum hv_exit_reason reason;
	u32 code;		/**< the hardware's number of it */
	u64 rip;		/**< of the instruction that left the guest */
	u64 next_rip;		/**< of the one after it; 0 when the exit does not tell */
	u64 value;		/**< the one number that says most about it; goes into the trace */
	union {
		struct {	/* IO */
			u16 port;
			u8 size;	/* 1, 2, 4 */
			bool in;
			bool string;	/* INS, OUTS */
			bool rep;
			u32 data;	/* OUT: low bytes count. IN: answer here */
		} io;
		struct {	/* MEMORY: no translation, or not for this access */
			u64 gpa;
			bool write, fetch, present;
		} memory;
		struct {	/* RDMSR, WRMSR */
			u32 index;
		} msr;
		struct {	/* CR: MOV to or from a control register, CLTS, LMSW */
			u8 cr, gpr;
			bool write, clts, lmsw;
			u16 lmsw_source;
		} cr;
		struct {	/* EXCEPTION */
			u8 vector;
			bool has_error;
			u32 error;
		} exception;
	};
};

/** Make vCPU `index` (from 0) of a machine. @return -EEXIST, -EINVAL, -ENOMEM */
int hv_vcpu_create(int vm, u32 index, const struct hv_vcpu_start *start);
/** Read the groups `groups` (HV_STATE_*); the others stay as they are. @return -ENOENT, -EBUSY */
int hv_vcpu_getstate(int vm, u32 index, struct hv_vcpu_state *state, u64 groups);
/** Write groups. @return -EINVAL when a value could not be loaded by hardware; -ENOENT, -EBUSY */
int hv_vcpu_setstate(int vm, u32 index, const struct hv_vcpu_state *state, u64 groups);
/** For hv_gva_translate(): the CPU's own access, as to a descriptor table, whatever the CPL. */
#define HV_ACCESS_IMPLICIT BIT(3)

/**
 * Translate a linear address as the vCPU's mode and page tables say. Accessed and dirty bits are
 * set as by an access. What is at `gpa` need not be memory.
 * @param gva     outside long mode only its low 32 bits count
 * @param access  HV_PROT_READ, WRITE or EXEC (what is written may be read, too), with
 *                HV_ACCESS_IMPLICIT for the CPU's own
 * @param gpa     out: the guest physical address
 * @param error   out, for -EFAULT: the error code (SDM vol. 3, 4.7)
 * @return -EFAULT: the guest gets #PF with `error`, and `gva` in CR2; -EINVAL: `gva` is not
 *         canonical, or `access` is none; -ENXIO: a table is not in the guest's memory, or can't be
 *         written to; -ENOENT, -EBUSY; -ENOMEM, -ENOSPC as for hv_gpa_read()
 */
int hv_gva_translate(int vm, u32 index, u64 gva, u32 access, u64 *gpa, u32 *error);
/** Queue an event; an interrupt waits for its window. @return -EAGAIN while one is queued */
int hv_vcpu_inject(int vm, u32 index, const struct hv_event *event);
/**
 * Could the guest take an interrupt at once? An interrupt controller should not be acknowledged
 * before. If not, hv_vcpu_run() returns with HV_EXIT_IRQ_WINDOW as soon as it can.
 * @return 1 or 0; -ENOENT, -EBUSY
 */
int hv_vcpu_ready(int vm, u32 index);
/**
 * Make hv_vcpu_run() return with HV_EXIT_ALARM, once, when hv_clock() is `when` or soon after. A
 * vCPU that sleeps until its own timer is not woken. UINT64_MAX takes it back.
 * @return -ENOENT
 */
int hv_vcpu_alarm(int vm, u32 index, u64 when);
/**
 * For a vCPU that halts: let others run until hv_clock() is `until`, or hv_vcpu_stop() is called.
 * It does not count as the vCPU's work. UINT64_MAX: for ever.
 * @return 1 if it shall stop, else 0; -ENOENT, -EBUSY
 */
int hv_vcpu_sleep(int vm, u32 index, u64 until);
/**
 * Run a vCPU until the outside has something to do. The calling thread may be switched out.
 * @param exit  in: the answer to the last exit (io.data of an IN); out: the new exit
 */
int hv_vcpu_run(int vm, u32 index, struct hv_exit *exit);
/** Make hv_vcpu_run() return with HV_EXIT_STOPPED, now or when it is next called. */
int hv_vcpu_stop(int vm, u32 index);
/** A rule that a refused entry breaks. */
struct hv_refusal {
	char sentence[160];	/**< names the field or rule */
	char section[48];	/**< "APM vol. 2, 15.5.1" */
};

/**
 * Say why the hardware refused the last entry: rule `n` (from 0) that the control block breaks.
 * @return -ENOENT when there are no more
 */
int hv_vcpu_refusal(int vm, u32 index, u32 n, struct hv_refusal *out);

#endif
