/**
 * @file vmm.h
 * The outside of the door: reads the VM file, makes its machines through the API, and runs each
 * vCPU's loop in a thread.
 */
#ifndef VMM_VMM_H
#define VMM_VMM_H

#include "api.h"
#include "dev/bus.h"
#include "dev/vkbd.h"
#include "dev/vpic.h"
#include "dev/vpit.h"
#include "dev/vprobe.h"
#include "dev/vrtc.h"
#include "dev/vscreen.h"
#include "dev/vuart.h"
#include "emul/insn.h"
#include "load/loader.h"
#include "load/memmap.h"
#include "load/vmfile.h"

/** The largest exit status of a VM; also of one that crashed, or was stopped. */
#define VMM_STATUS_MAX 125
/** Exit status when the VM file can't be used. */
#define VMM_STATUS_BAD_FILE 126

/** An instruction that exited: its bytes, and what they mean. */
struct vmm_decoded {
	struct hv_code code;		/**< `bits` is 0: nothing is here */
	struct insn insn;
};

/** A running VM, as the outside sees it. */
struct vmm_vm {
	int id;				/**< of the core */
	const struct vmfile_vm *config;	/**< what the VM file says */
	struct bus bus;
	struct vpic pic;
	struct vpit pit;
	struct vrtc rtc;
	struct vuart uart;
	struct vkbd kbd;
	struct vscreen screen;
	struct vprobe probe;
	struct vmm_virtio *virtio;	/**< NULL: it has no such device */
	struct vmm_decoded decoded[16];	/**< the last ones, each by its address (emulate.c) */
	u64 rom_size;			/**< bytes at config->rom_at; 0: there is no ROM */
	bool plain;			/**< its kernel wants nothing of a PC: vmm_kernel.plain */
	bool listens;			/**< somebody may type for this VM */
	u64 due;			/**< hv_clock() at which a device wants something */
	bool ended;
	const char *reason;		/**< why it ended */
	u32 status;			/**< what it wrote to port 0xf4 */
	u32 reports;			/**< of pages that were written to */
	u64 exits;			/**< that reached us */
};

/** Run the VMs of the first module that is a VM file. @return the exit status */
unsigned int vmm_main(void);

/** The VM is over: its loop ends. `reason` is a word for people and the grader. */
void vmm_end(struct vmm_vm *vm, const char *reason);
/** @return the VM of this index in the VM file, if it runs; else NULL */
struct vmm_vm *vmm_running(u32 index);

/* pc.c: the board of a VM, which is a PC of about 1990 */

/** Give the VM the devices that its description asks for. @return -ENOSPC, -EEXIST */
int pc_init(struct vmm_vm *vm);
/** Leave the devices as a BIOS does. The vCPU exists. */
void pc_firmware(struct vmm_vm *vm);
/**
 * A device's line to the interrupt controllers. If it `fell`, it has been low for an instant, which
 * an edge-triggered input must see.
 */
void pc_drive(struct vmm_vm *vm, u8 irq, bool fell, bool up);
/** The timer hypercall's time has come: IRQ 0. */
void pc_tick(struct vmm_vm *vm);
/** HV_EXIT_ALARM: a device's time has come. */
void pc_alarm(struct vmm_vm *vm);
/** Quick: can no device want an interrupt? */
static inline bool pc_idle(const struct vmm_vm *vm)
{
	return vpic_idle(&vm->pic) & !vm->uart.awake;
}
/** What the interrupt controller wants becomes an event, once the guest can take it. */
void pc_interrupt(struct vmm_vm *vm);
/** HLT: wait for an interrupt. @return false: none can come */
bool pc_halt(struct vmm_vm *vm);

/* virtio.c */

/**
 * Give the VM the virtio devices that its description asks for. Says what is wrong itself.
 * @param index  of the VM in the VM file
 */
int virtio_init(struct vmm_vm *vm, u32 index);
/** Take them away, and give back their memory. */
void virtio_end(struct vmm_vm *vm);
/** Does its driver listen to a virtio console? Only then the next two may be called. */
bool virtio_listens(const struct vmm_vm *vm);
/** How many characters there is room for. */
u32 virtio_room(const struct vmm_vm *vm);
/** A character for the console. @return false: it is lost */
bool virtio_type(struct vmm_vm *vm, char c);
/** Could an interrupt come from outside the VM, as a frame from another one? */
bool virtio_waits(const struct vmm_vm *vm);

/* emulate.c */

/** Is there a device somewhere in the 4 KiB of guest physical addresses around `gpa`? */
static inline bool emulate_claims(const struct vmm_vm *vm, u64 gpa)
{
	return bus_mmio_find(&vm->bus, gpa & ~4095ull, 4096);
}
/**
 * Do the instruction that exited with `exit`: HV_EXIT_MEMORY where emulate_claims() it, or
 * HV_EXIT_IO of INS or OUTS. Of a REP a part may be left, with which the guest goes on.
 * @return NULL; else why the VM can't go on, for vmm_end()
 */
const char *emulate(struct vmm_vm *vm, const struct hv_exit *exit);

/* input.c */

/** Give the VM what was typed for it. */
void input_poll(struct vmm_vm *vm);

/* report.c */

/** Say how the VM ended, after the exit `x`: why, its registers, what was on its screen. */
void report_end(const struct vmm_vm *vm, const struct hv_exit *x);
/** Say which pages that the VM file watches were written to since the last time. */
void report_dirty(struct vmm_vm *vm);

/* selftest.c */

/**
 * Run a self-test: "state", "api", "lazy", "dirty", "walk:SEED:COUNT", "random:SEED:COUNT".
 * @return did it pass?
 */
bool vmm_selftest(const char *what);
/** xorshift64*: Marsaglia's generator, with a multiplication to mix the upper bits down. */
u64 selftest_random(u64 *state);
/** The decimal digits at *s, and past the colon behind them. */
u64 selftest_number(const char **s);
/** selftest_api.c: knock at every door of api.h. */
bool selftest_api(void);
/** selftest_lazy.c: 1,000 VMs with lazy memory, where there is room for ten. */
bool selftest_lazy(void);
/** selftest_dirty.c: the log of dirty pages has what a guest writes, and nothing else. */
bool selftest_dirty(void);
/** selftest_walk.c: what hv_gva_translate() says, beside what the CPU does. */
bool selftest_walk(const char *arguments);

/* start.c: from a VM's description to a vCPU that is ready to run */

/** All of it: machine, kernel, vCPU. Says what is wrong itself. */
int vmm_start(struct vmm_vm *vm);
/**
 * Give the VM memory, of the kind that its description asks for. See hv_gpa_map().
 * @return -EEXIST: or a device is there
 */
int vmm_map(const struct vmm_vm *vm, u64 gpa, u64 size, u32 prot);
/** Memory that is there once the guest touches it: is `gpa` in it, and was it not there yet? */
bool vmm_late_memory(const struct vmm_vm *vm, u64 gpa);
/** Only the machine with its memory. @return -EEXIST: where it is, or will be, there is a device */
int vmm_create(struct vmm_vm *vm);
/** Only the vCPU, which starts at `rip`; for long mode, page tables first. */
int vmm_start_vcpu(const struct vmm_vm *vm, u64 rip);

/* kernel.c: from files to guest memory */

#define VMM_TABLES	(6 * 4096ull)	/* page tables, below vmm_plain_end(), for long mode */

/** A kernel in guest memory. */
struct vmm_kernel {
	bool plain;			/**< an ELF or a flat file that wants nothing else */
	u64 entry;			/**< plain: where it starts, in the mode of the VM file */
	struct loader_start start;	/**< not plain: how it starts */
};

/**
 * Where the memory ends that is of use to a plain kernel at its start: its stack and its page
 * tables, which map 4 GiB, are below, and so is what a PC has no RAM for.
 */
static inline u64 vmm_plain_end(const struct vmfile_vm *c)
{
	return c->memory < MEMMAP_HOLE ? c->memory : MEMMAP_HOLE;
}

/**
 * Find a file among the boot modules, which the VM needs as `what`. Says itself if it is not there.
 * @param module,size  out: its number, for hv_module_read(), and its bytes
 */
int vmm_find_file(const struct vmm_vm *vm, const char *what, const char *name, u32 *module,
		  u64 *size);
/** Is one of these bytes in the VM's ROM? The guest can't write there, and nobody may for it. */
static inline bool vmm_is_rom(const struct vmm_vm *vm, u64 gpa, u64 size)
{
	u64 rom = vm->config->rom_at;

	return gpa < rom + vm->rom_size && gpa + size > rom;
}
/** Load the VM's kernel, and its modules. Says what is wrong itself. */
int vmm_load_kernel(struct vmm_vm *vm, struct vmm_kernel *k);

/* policy.c */
void vmm_policy(struct hv_machine_config *config);

/** printf() to the hypervisor's console channel. */
void vmm_printf(const char *fmt, ...) __printf(1, 2);

#endif
