/**
 * @file vmm.h
 * The outside of the door: reads the VM file, makes its machines through the API, and runs each
 * vCPU's loop in a thread.
 */
#ifndef VMM_VMM_H
#define VMM_VMM_H

#include "api.h"
#include "dev/bus.h"
#include "dev/vpic.h"
#include "dev/vuart.h"
#include "load/loader.h"
#include "load/vmfile.h"

/** Exit status when the VM file can't be used. */
#define VMM_STATUS_BAD_FILE 126

/** A running VM, as the outside sees it. */
struct vmm_vm {
	int id;				/**< of the core */
	const struct vmfile_vm *config;	/**< what the VM file says */
	struct bus bus;
	struct vpic pic;
	struct vuart uart;
	bool ended;
	const char *reason;		/**< why it ended */
	u32 status;			/**< what it wrote to port 0xf4 */
	u64 exits;			/**< that reached us */
};

/** Run the VMs of the first module that is a VM file. @return the exit status */
unsigned int vmm_main(void);

/* selftest.c */

/** Run a self-test: "state", "api" or "random:SEED:COUNT". @return true when it passed */
bool vmm_selftest(const char *what);
/** selftest_api.c: knock at every door of api.h. */
bool selftest_api(void);

/* start.c: from a VM's description to a vCPU that is ready to run */

/** All of it: machine, kernel, vCPU. Says what is wrong itself. */
int vmm_start(struct vmm_vm *vm);
/** Only the machine with its memory. */
int vmm_create(struct vmm_vm *vm);
/** Only the vCPU, which starts at `rip`; for long mode, page tables first. */
int vmm_start_vcpu(const struct vmm_vm *vm, u64 rip);

/* kernel.c: from files to guest memory */

#define VMM_TABLES	(6 * 4096ull)	/* page tables at the end of a long-mode VM's memory */

/** A kernel in guest memory. */
struct vmm_kernel {
	bool plain;			/**< an ELF or a flat file that wants nothing else */
	u64 entry;			/**< plain: where it starts, in the mode of the VM file */
	struct loader_start start;	/**< not plain: how it starts */
};

/** Load the VM's kernel, and its modules. Says what is wrong itself. */
int vmm_load_kernel(const struct vmm_vm *vm, struct vmm_kernel *k);

/* policy.c */
void vmm_policy(struct hv_machine_config *config);

/** printf() to the hypervisor's console channel. */
void vmm_printf(const char *fmt, ...) __printf(1, 2);

#endif
