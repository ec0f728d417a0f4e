/* See vmm.h. The VM loop: run until an exit needs us, do what it needs, run again. */
#include "vmm/vmm.h"

#include "lib/printf.h"
#include "lib/string.h"

#define EXIT_PORT	0xf4	/* a guest ends its VM by writing its status here */
#define STATUS_MAX	125

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

/* ---- Devices -------------------------------------------------------------------------------- */

static void uart_send(void *ctx, char c)
{
	const struct vmm_vm *vm = ctx;

	hv_console_write((u32)vm->id, &c, 1);
}

static void end(struct vmm_vm *vm, const char *reason)
{
	vm->ended = true;
	vm->reason = reason;
}

/* The same, for a guest that did not get where it wanted to. */
static void fail(struct vmm_vm *vm, const char *reason)
{
	vm->status = STATUS_MAX;
	end(vm, reason);
}

static void exit_port(void *dev, u16 offset, u8 size, bool in, u32 *value)
{
	struct vmm_vm *vm = dev;

	if (in) {
		*value = 0;
		return;
	}
	vm->status = *value < STATUS_MAX ? *value : STATUS_MAX;
	end(vm, "exit");
}

static int devices(struct vmm_vm *vm)
{
	vpic_reset(&vm->pic);
	vm->uart.send = uart_send;
	vm->uart.ctx = vm;
	return bus_claim(&vm->bus, VUART_PORT, VUART_PORTS, vuart_access, &vm->uart) ?:
	       bus_claim(&vm->bus, VPIC_MASTER, VPIC_PORTS, vpic_master_access, &vm->pic) ?:
	       bus_claim(&vm->bus, VPIC_SLAVE, VPIC_PORTS, vpic_slave_access, &vm->pic) ?:
	       bus_claim(&vm->bus, VPIC_ELCR, VPIC_PORTS, vpic_elcr_access, &vm->pic) ?:
	       bus_claim(&vm->bus, EXIT_PORT, 1, exit_port, vm);
}

/* Memory that is there once the guest touches it: is `gpa` in it, and not there yet? */
static bool late_memory(struct vmm_vm *vm, u64 gpa)
{
	const struct vmfile_vm *c = vm->config;

	return gpa - c->late < c->late_size &&
	       !hv_gpa_map(vm->id, c->late, c->late_size, HV_PROT_ALL);
}

/* The interrupt controller's wish becomes an event, once the guest can take it. */
static __noinline void interrupt(struct vmm_vm *vm)
{
	struct hv_event e = { .type = HV_EVENT_INTR };

	if (vpic_wants(&vm->pic) && hv_vcpu_ready(vm->id, 0) == 1) {
		e.vector = vpic_acknowledge(&vm->pic);
		hv_vcpu_inject(vm->id, 0, &e);
	}
}

/* ---- The loop ------------------------------------------------------------------------------- */

static void handle(struct vmm_vm *vm, struct hv_exit *x)
{
	switch (x->reason) {
	case HV_EXIT_IO:
		if (x->io.string)
			fail(vm, "insn");
		else
			bus_port_access(&vm->bus, x->io.port, x->io.size, x->io.in, &x->io.data);
		break;
	case HV_EXIT_HLT:
		end(vm, "halt");
		break;
	case HV_EXIT_TIMER:
		vpic_line(&vm->pic, 0, true);
		vpic_line(&vm->pic, 0, false);
		break;
	case HV_EXIT_MEMORY:
		if (!late_memory(vm, x->memory.gpa))
			fail(vm, "memory");
		break;
	case HV_EXIT_IRQ_WINDOW:
	case HV_EXIT_ALARM:
		break;			/* see interrupt() */
	case HV_EXIT_SHUTDOWN:
	case HV_EXIT_REFUSED:
	case HV_EXIT_BUDGET:
		fail(vm, hv_exit_name(x->reason));
		break;
	default:
		fail(vm, "insn");
	}
}

static void report_refusal(const struct vmm_vm *vm)
{
	struct hv_refusal r;

	for (u32 n = 0; !hv_vcpu_refusal(vm->id, 0, n, &r); n++)
		vmm_printf("vm %s refused: %s (%s)\n", vm->config->name, r.sentence, r.section);
}

/* The last exit, with the details that its reason has. */
static void report_exit(const char *name, const struct hv_exit *x)
{
	vmm_printf("vm %s state exit.code=0x%x exit.rip=0x%lx exit.next=0x%lx exit.value=0x%lx\n",
		   name, x->code, x->rip, x->next_rip, x->value);
	if (x->reason == HV_EXIT_IO)
		vmm_printf("vm %s state exit.port=0x%x exit.size=0x%x exit.in=0x%x exit.string=0x%x"
			   " exit.rep=0x%x exit.data=0x%x\n", name, x->io.port, x->io.size,
			   x->io.in, x->io.string, x->io.rep, x->io.data);
	else if (x->reason == HV_EXIT_MEMORY)
		vmm_printf("vm %s state exit.gpa=0x%lx exit.write=0x%x exit.fetch=0x%x"
			   " exit.present=0x%x\n", name, x->memory.gpa, x->memory.write,
			   x->memory.fetch, x->memory.present);
	else if (x->reason == HV_EXIT_RDMSR || x->reason == HV_EXIT_WRMSR)
		vmm_printf("vm %s state exit.msr=0x%x\n", name, x->msr.index);
	else if (x->reason == HV_EXIT_EXCEPTION)
		vmm_printf("vm %s state exit.vector=0x%x exit.error=0x%x\n", name,
			   x->exception.vector, x->exception.error);
}

/* What a person, and the grader, want to know of a vCPU that stopped. */
static void report_state(const struct vmm_vm *vm, const struct hv_exit *x)
{
	static const char *const gprs[] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
					    "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15" };
	static const char *const segs[] = { "es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr" };
	static struct hv_vcpu_state s;
	const char *name = vm->config->name;

	if (hv_vcpu_getstate(vm->id, 0, &s, HV_STATE_ALL))
		return;
	vmm_printf("vm %s exit %s code=0x%x rip=0x%lx value=0x%lx\n", name, hv_exit_name(x->reason),
		   x->code, x->rip, x->value);
	for (u32 i = 0; i < HV_GPRS; i++) {
		if (i % 4 == 0)
			vmm_printf("vm %s state", name);
		vmm_printf(" %s=0x%lx%s", gprs[i], s.gpr[i], i % 4 == 3 ? "\n" : "");
	}
	vmm_printf("vm %s state rip=0x%lx rflags=0x%lx efer=0x%lx\n", name, s.rip, s.rflags,
		   s.efer);
	vmm_printf("vm %s state cr0=0x%lx cr2=0x%lx cr3=0x%lx cr4=0x%lx cr8=0x%lx\n", name, s.cr0,
		   s.cr2, s.cr3, s.cr4, s.cr8);
	for (u32 i = 0; i < HV_SEGS; i++)
		vmm_printf("vm %s state %s=0x%x %s.base=0x%lx %s.limit=0x%x %s.attr=0x%x\n", name,
			   segs[i], s.seg[i].selector, segs[i], s.seg[i].base, segs[i],
			   s.seg[i].limit, segs[i], s.seg[i].attr);
	vmm_printf("vm %s state gdtr.base=0x%lx gdtr.limit=0x%x idtr.base=0x%lx idtr.limit=0x%x\n",
		   name, s.gdtr.base, s.gdtr.limit, s.idtr.base, s.idtr.limit);
	vmm_printf("vm %s state dr6=0x%lx dr7=0x%lx pat=0x%lx\n", name, s.dr6, s.dr7, s.pat);
	vmm_printf("vm %s state shadow=0x%lx nmi.blocked=0x%lx\n", name, s.interrupt_shadow,
		   s.nmi_blocked);
	report_exit(name, x);
}

/* One vCPU's thread. `arg` is the index of its VM. */
static void vcpu_thread(u64 arg)
{
	struct vmm_vm *vm = &vms[arg];
	struct hv_exit x = { .reason = HV_EXIT_UNKNOWN };

	while (!vm->ended) {
		if (hv_vcpu_run(vm->id, 0, &x)) {
			fail(vm, "error");
			break;
		}
		vm->exits++;
		if (x.reason != HV_EXIT_REFUSED && vm->config->exits &&
		    vm->exits >= vm->config->exits)
			end(vm, "exits");
		else if (vm->config->bare)
			end(vm, hv_exit_name(x.reason));
		else
			handle(vm, &x);
		if (!vpic_idle(&vm->pic))
			interrupt(vm);
	}
	vmm_printf("vm %s stopped reason=%s status=%u exits=%lu rip=0x%lx\n", vm->config->name,
		   vm->reason, vm->status, vm->exits, x.rip);
	if (x.reason == HV_EXIT_REFUSED)
		report_refusal(vm);
	if (strcmp(vm->reason, "exit") && strcmp(vm->reason, "halt"))
		report_state(vm, &x);
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
		if (devices(&vms[i]) || vmm_start(&vms[i]) ||
		    hv_thread_start(vms[i].config->name, vcpu_thread, i))
			return VMM_STATUS_BAD_FILE;
	}
	hv_thread_wait_all();
	for (u32 i = 0; i < count; i++)
		status = vms[i].status > status ? vms[i].status : status;
	return status;
}
