/* See vmm.h. The VM loop: run until an exit needs us, do what it needs, run again. */
#include "vmm/vmm.h"

#include "lib/printf.h"
#include "lib/string.h"

static struct vmm_vm vms[HV_MAX_VMS];

static void put_host(void *ctx, char c)
{
	hv_console_write(HV_CONSOLE_HOST, &c, 1);
}

void vmm_printf(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vformat(put_host, NULL, fmt, ap);
	va_end(ap);
}

void vmm_end(struct vmm_vm *vm, const char *reason)
{
	vm->ended = true;
	vm->reason = reason;
}

struct vmm_vm *vmm_running(u32 index)
{
	return index < HV_MAX_VMS && vms[index].id && !vms[index].ended ? &vms[index] : NULL;
}

/* The same as vmm_end(), for a guest that did not get where it wanted to. */
static void fail(struct vmm_vm *vm, const char *reason)
{
	vm->status = VMM_STATUS_MAX;
	vmm_end(vm, reason);
}

/* ---- The loop ------------------------------------------------------------------------------- */

bool vmm_late_memory(const struct vmm_vm *vm, u64 gpa)
{
	const struct vmfile_vm *c = vm->config;

	return gpa - c->late < c->late_size &&
	       !vmm_map(vm, c->late, c->late_size, HV_PROT_ALL);
}

static void do_insn(struct vmm_vm *vm, const struct hv_exit *x)
{
	const char *reason = emulate(vm, x);

	if (reason)
		fail(vm, reason);
}

static void handle(struct vmm_vm *vm, struct hv_exit *x)
{
	switch (x->reason) {
	case HV_EXIT_IO:
		if (x->io.string)
			do_insn(vm, x);
		else
			bus_port_access(&vm->bus, x->io.port, x->io.size, x->io.in, &x->io.data);
		break;
	case HV_EXIT_HLT:
		if (!pc_halt(vm))
			vmm_end(vm, "halt");
		break;
	case HV_EXIT_TIMER:
		pc_tick(vm);
		break;
	case HV_EXIT_ALARM:
		pc_alarm(vm);
		break;
	case HV_EXIT_IRQ_WINDOW:
		break;			/* see below: pc_interrupt() */
	case HV_EXIT_MEMORY:
		if (emulate_claims(vm, x->memory.gpa))
			do_insn(vm, x);
		else if (!vmm_late_memory(vm, x->memory.gpa))
			fail(vm, "memory");
		break;
	case HV_EXIT_POOL:
	case HV_EXIT_NO_MEMORY:
	case HV_EXIT_SHUTDOWN:
	case HV_EXIT_REFUSED:
	case HV_EXIT_BUDGET:
		fail(vm, hv_exit_name(x->reason));
		break;
	default:
		fail(vm, "insn");
	}
}

/* One vCPU's thread. `arg` is the index of its VM. */
static void vcpu_thread(u64 arg)
{
	struct vmm_vm *vm = &vms[arg];
	struct hv_exit x = { .reason = HV_EXIT_UNKNOWN };

	if (vm->listens)
		pc_alarm(vm);
	while (!vm->ended) {
		if (hv_vcpu_run(vm->id, 0, &x)) {
			fail(vm, "error");
			break;
		}
		vm->exits++;
		if (x.reason != HV_EXIT_REFUSED && vm->config->exits &&
		    vm->exits >= vm->config->exits)
			vmm_end(vm, "exits");
		else if (vm->config->bare)
			vmm_end(vm, hv_exit_name(x.reason));
		else
			handle(vm, &x);
		if (!pc_idle(vm))
			pc_interrupt(vm);
	}
	if (vm->config->watch_size)
		report_dirty(vm);
	report_end(vm, &x);
	virtio_end(vm);
	hv_machine_destroy(vm->id);
}

/* ---- From the VM file to running VMs -------------------------------------------------------- */

static int find_vm_file(struct hv_module *m)
{
	u64 length;

	for (u32 i = 0; !hv_module_info(i, m); i++) {
		length = strlen(m->name);
		if (length > 3 && !strcmp(m->name + length - 3, ".vm"))
			return (int)i;
	}
	return -ENOENT;
}

/* Parse the VM file, and point vms[].config to it. @return the number of VMs, 0 after an error */
static u32 read_vm_file(void)
{
	static struct vmfile_vm parsed[HV_MAX_VMS];
	static char text[VMFILE_MAX_SIZE];
	struct vmfile_error error;
	struct hv_module m;
	int file = find_vm_file(&m), count;

	if (file < 0) {
		vmm_printf("no VM file among the boot modules: its name must end in .vm\n");
		return 0;
	}
	if (m.size > sizeof(text)) {
		vmm_printf("%s: larger than 64 KiB\n", m.name);
		return 0;
	}
	hv_module_read((u32)file, 0, text, m.size);
	count = vmfile_parse(text, m.size, parsed, HV_MAX_VMS, &error);
	if (count < 0) {
		vmm_printf("%s:%u:%u: %s\n", m.name, error.line, error.column, error.message);
		return 0;
	}
	for (int i = 0; i < count; i++)
		vms[i].config = &parsed[i];
	return (u32)count;
}

unsigned int vmm_main(void)
{
	u32 count = read_vm_file(), status = 0;

	if (!count)
		return VMM_STATUS_BAD_FILE;
	for (u32 i = 0; i < count; i++) {
		if (pc_init(&vms[i]) || virtio_init(&vms[i], i) || vmm_start(&vms[i]) ||
		    hv_thread_start(vms[i].config->name, vcpu_thread, i))
			return VMM_STATUS_BAD_FILE;
	}
	hv_thread_wait_all();
	for (u32 i = 0; i < count; i++)
		status = vms[i].status > status ? vms[i].status : status;
	return status;
}
