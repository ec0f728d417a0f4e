/*
 * See vmm.h. The board of a VM: which devices it has, where their ports are and where their lines
 * go, and when one of them will want something.
 */
#include "vmm/vmm.h"

#define EXIT_PORT	0xf4	/* a guest ends its VM by writing its status here */
#define REPORT_PORT	0xf6	/* a write here: say what has been written to, see `watch` */
#define NEVER		UINT64_MAX
#define NS_PER_S	1000000000
#define POLL_NS		5000000	/* between two looks at what somebody types */
#define SOONEST_NS	5000	/* a guest gets on a little, however fast its timer is */

/* Lines of the interrupt controllers */
#define IRQ_TIMER	0
#define IRQ_KEYBOARD	1
#define IRQ_SERIAL	4
#define IRQ_RTC		8

/* ---- Lines and time ------------------------------------------------------------------------- */

static u64 now(void *ctx)
{
	return hv_clock();
}

void pc_tick(struct vmm_vm *vm)
{
	vpic_line(&vm->pic, IRQ_TIMER, true);
	vpic_line(&vm->pic, IRQ_TIMER, false);
}

void pc_drive(struct vmm_vm *vm, u8 irq, bool fell, bool up)
{
	if (fell)
		vpic_line(&vm->pic, irq, false);
	vpic_line(&vm->pic, irq, up);
}

static u64 earlier(u64 a, u64 b)
{
	return a < b ? a : b;
}

/* Something has changed: a register of a device, or the time. */
static void settle(struct vmm_vm *vm)
{
	u64 time = hv_clock(), due;

	if (vm->listens)
		input_poll(vm);
	if (vpit_tick(&vm->pit, time))
		pc_tick(vm);
	pc_drive(vm, IRQ_KEYBOARD, vkbd_irq_fell(&vm->kbd), vkbd_irq(&vm->kbd));
	pc_drive(vm, IRQ_RTC, vrtc_irq_fell(&vm->rtc), vrtc_irq(&vm->rtc, time));
	due = earlier(vpit_next(&vm->pit), vrtc_next(&vm->rtc));
	if (vm->listens)
		due = earlier(due, time + POLL_NS);
	if (due < time + SOONEST_NS)
		due = time + SOONEST_NS;
	if (due != vm->due)
		hv_vcpu_alarm(vm->id, 0, due);
	vm->due = due;
}

void pc_alarm(struct vmm_vm *vm)
{
	vm->due = NEVER;
	settle(vm);
}

static void serial_line(struct vmm_vm *vm)
{
	pc_drive(vm, IRQ_SERIAL, vuart_irq_fell(&vm->uart), vuart_irq(&vm->uart));
}

void pc_interrupt(struct vmm_vm *vm)
{
	struct hv_event e = { .type = HV_EVENT_INTR };

	serial_line(vm);
	if (vpic_wants(&vm->pic) && hv_vcpu_ready(vm->id, 0) == 1) {
		e.vector = vpic_acknowledge(&vm->pic);
		hv_vcpu_inject(vm->id, 0, &e);
	}
}

/* When an interrupt may come, as far as the interrupt controller lets it through. */
static u64 next_interrupt(const struct vmm_vm *vm)
{
	u64 due = NEVER;

	if (vpic_open(&vm->pic, IRQ_TIMER))
		due = vpit_next(&vm->pit);
	if (vpic_open(&vm->pic, IRQ_RTC))
		due = earlier(due, vrtc_next(&vm->rtc));
	if ((vpic_open(&vm->pic, IRQ_SERIAL) && vm->listens) || virtio_waits(vm))
		due = earlier(due, hv_clock() + POLL_NS);
	return due;
}

bool pc_halt(struct vmm_vm *vm)
{
	if (hv_vcpu_ready(vm->id, 0) != 1)
		return false;
	for (;;) {
		u64 due = next_interrupt(vm);

		serial_line(vm);
		if (vpic_wants(&vm->pic))
			return true;
		if (due == NEVER)
			return false;
		if (hv_vcpu_sleep(vm->id, 0, due))
			return true;	/* to its end, by hv_vcpu_stop() */
		settle(vm);
	}
}

/* ---- Ports ---------------------------------------------------------------------------------- */

static void serial_send(void *ctx, char c)
{
	const struct vmm_vm *vm = ctx;

	hv_console_write((u32)vm->id, &c, 1);
}

static void exit_port(void *dev, u16 offset, u8 size, bool in, u32 *value)
{
	struct vmm_vm *vm = dev;

	if (in) {
		*value = 0;
		return;
	}
	vm->status = *value < VMM_STATUS_MAX ? *value : VMM_STATUS_MAX;
	vmm_end(vm, "exit");
}

static void report_port(void *dev, u16 offset, u8 size, bool in, u32 *value)
{
	if (in)
		*value = 0;
	else
		report_dirty(dev);
}

/* The time of day is asked for when somebody wants to know it. */
static void set_clock(struct vmm_vm *vm)
{
	vm->rtc.now = now;
	vrtc_reset(&vm->rtc, hv_wall_clock() - hv_clock() / NS_PER_S, vm->config->memory);
}

/* A device's handler, with a look at lines and time behind it. */
#define SETTLING(name, access, member) \
	static void name(void *dev, u16 offset, u8 size, bool in, u32 *value) \
	{ \
		struct vmm_vm *vm = dev; \
		if (!vm->rtc.now) \
			set_clock(vm); \
		access(&vm->member, offset, size, in, value); \
		if (vkbd_reset_wanted(&vm->kbd)) \
			vmm_end(vm, "reset"); \
		settle(vm); \
	}
SETTLING(timer, vpit_access, pit)
SETTLING(speaker, vpit_speaker_access, pit)
SETTLING(clock, vrtc_access, rtc)
SETTLING(keyboard, vkbd_data_access, kbd)
SETTLING(keyboard_command, vkbd_command_access, kbd)
SETTLING(fast_a20, vkbd_fast_a20_access, kbd)
SETTLING(reset, vkbd_reset_access, kbd)
#undef SETTLING

/* Whose ports they are: a device's, or the VM's for a handler above. The most used ones first. */
#define THE(member) offsetof(struct vmm_vm, member)
#define THE_VM 0

static const struct {
	enum vmfile_device device;
	u16 first, count;
	bus_handler handler;
	u32 dev;		/* offset in struct vmm_vm */
} ports[] = {
	{ VMFILE_SERIAL, VUART_PORT, VUART_PORTS, vuart_access, THE(uart) },
	{ VMFILE_PIC, VPIC_MASTER, VPIC_PORTS, vpic_master_access, THE(pic) },
	{ VMFILE_PIC, VPIC_SLAVE, VPIC_PORTS, vpic_slave_access, THE(pic) },
	{ VMFILE_PIC, VPIC_ELCR, VPIC_PORTS, vpic_elcr_access, THE(pic) },
	{ VMFILE_PIT, VPIT_PORT, VPIT_PORTS, timer, THE_VM },
	{ VMFILE_PIT, VPIT_SPEAKER, 1, speaker, THE_VM },
	{ VMFILE_RTC, VRTC_PORT, VRTC_PORTS, clock, THE_VM },
	{ VMFILE_KEYBOARD, VKBD_DATA, 1, keyboard, THE_VM },
	{ VMFILE_KEYBOARD, VKBD_COMMAND, 1, keyboard_command, THE_VM },
	{ VMFILE_KEYBOARD, VKBD_FAST_A20, 1, fast_a20, THE_VM },
	{ VMFILE_KEYBOARD, VKBD_RESET, 1, reset, THE_VM },
	{ VMFILE_SCREEN, VSCREEN_PORT, VSCREEN_PORTS, vscreen_access, THE(screen) },
	{ VMFILE_EXIT, EXIT_PORT, 1, exit_port, THE_VM },
	{ VMFILE_PROBE, VPROBE_PORT, VPROBE_PORTS, vprobe_port, THE(probe) },
};

/* The same for guest physical addresses. */
static const struct {
	enum vmfile_device device;
	u64 first, size;
	bus_mmio_handler handler;
	u32 dev;
} places[] = {
	{ VMFILE_PROBE, VPROBE_MEMORY, VPROBE_MEMORY_SIZE, vprobe_memory, THE(probe) },
	{ VMFILE_PROBE, VPROBE_STREAM, VPROBE_STREAM_SIZE, vprobe_stream, THE(probe) },
};

int pc_init(struct vmm_vm *vm)
{
	u32 devices = vm->config->devices;
	int err = 0;

	vm->due = NEVER;
	vm->listens = devices & (VMFILE_SERIAL | VMFILE_CONSOLE) && hv_console_read(NULL, 0) >= 0;
	vpic_reset(&vm->pic);
	vm->pit.now = now;
	vpit_reset(&vm->pit);
	vrtc_reset(&vm->rtc, 0, vm->config->memory);
	vkbd_reset(&vm->kbd);
	vscreen_reset(&vm->screen);
	vm->uart.send = serial_send;
	vm->uart.ctx = vm;
	for (u32 i = 0; i < ARRAY_SIZE(ports) && !err; i++) {
		if (devices & ports[i].device)
			err = bus_claim(&vm->bus, ports[i].first, ports[i].count, ports[i].handler,
					(u8 *)vm + ports[i].dev);
	}
	for (u32 i = 0; i < ARRAY_SIZE(places) && !err; i++) {
		if (devices & places[i].device)
			err = bus_mmio_claim(&vm->bus, places[i].first, places[i].size,
					     places[i].handler, (u8 *)vm + places[i].dev);
	}
	if (vm->config->watch_size && !err)
		err = bus_claim(&vm->bus, REPORT_PORT, 1, report_port, vm);
	return err;
}

/*
 * A kernel for a PC starts after a BIOS, and some use the timer as it left it: at 18.2 Hz. Of the
 * interrupt controllers they take the vectors. All lines stay masked: what is not asked for should
 * not surprise a kernel that has no handlers.
 */
void pc_firmware(struct vmm_vm *vm)
{
	static const struct {
		u16 port;
		u8 value;
	} writes[] = {		/* IBM PC/AT Technical Reference, "System BIOS" */
		{ VPIC_MASTER, 0x11 }, { VPIC_MASTER + 1, 0x08 }, { VPIC_MASTER + 1, 0x04 },
		{ VPIC_MASTER + 1, 0x01 }, { VPIC_MASTER + 1, 0xff },
		{ VPIC_SLAVE, 0x11 }, { VPIC_SLAVE + 1, 0x70 }, { VPIC_SLAVE + 1, 0x02 },
		{ VPIC_SLAVE + 1, 0x01 }, { VPIC_SLAVE + 1, 0xff },
		{ VPIT_PORT + 3, 0x36 }, { VPIT_PORT, 0 }, { VPIT_PORT, 0 },
		{ VPIT_PORT + 3, 0x54 }, { VPIT_PORT + 1, 18 },		/* memory refresh */
	};

	for (u32 i = 0; i < ARRAY_SIZE(writes); i++) {
		u32 value = writes[i].value;

		bus_port_access(&vm->bus, writes[i].port, 1, false, &value);
	}
}
