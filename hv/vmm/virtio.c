/*
 * See vmm.h. The virtio devices of a VM: where their registers and their interrupts are, what is
 * behind them. They take memory only in VMs that have one.
 */
#include "dev/vblk.h"
#include "dev/vconsole.h"
#include "dev/ventropy.h"
#include "dev/vnet.h"
#include "lib/rdrand.h"
#include "lib/string.h"
#include "vmm/vmm.h"

#define VIRTIO_BASE	0xfede0000ull	/* of slot 0; the next one is 4 KiB behind it */
#define SWITCHES	8

/* Slots, in their order on the bus, and the lines of the interrupt controllers, which they own. */
enum slot { CONSOLE, ENTROPY, DISK, DISK_2, NET, SLOTS };

static const u8 irqs[SLOTS] = { 5, 9, 10, 12, 11 };

struct slot_of {
	struct vmm_vm *vm;
	struct virtio *virtio;		/* NULL: the slot is empty */
	u8 irq;
};

/** All of them. */
struct vmm_virtio {
	struct slot_of slot[SLOTS];
	struct vconsole console;
	struct ventropy entropy;
	struct vblk disk[VMFILE_MAX_DISKS];
	struct vnet net;
	struct vswitch *net_switch;
	u32 net_port;
	bool has_rdrand;
	u64 random;			/* where the CPU has no source of its own */
};

/* The switches, by name. One is there as long as the machine. */
static struct {
	const char *name;
	struct vswitch *it;
} switches[SWITCHES];

/* ---- What devices need ---------------------------------------------------------------------- */

static int read_memory(void *ctx, u64 gpa, void *buf, u64 size)
{
	return hv_gpa_read(((struct vmm_vm *)ctx)->id, gpa, buf, size);
}

/* A ROM is not the driver's to write, whoever does it for him. */
static int write_memory(void *ctx, u64 gpa, const void *buf, u64 size)
{
	const struct vmm_vm *vm = ctx;

	return vmm_is_rom(vm, gpa, size) ? -EFAULT : hv_gpa_write(vm->id, gpa, buf, size);
}

/* The interrupt line follows the device. */
static void drive(struct slot_of *s)
{
	pc_drive(s->vm, s->irq, virtio_irq_fell(s->virtio), virtio_irq(s->virtio));
}

static void access(void *dev, u64 offset, u32 size, bool write, u64 *value)
{
	struct slot_of *s = dev;

	virtio_access(s->virtio, offset, size, write, value);
	drive(s);
}

static void console_send(void *ctx, const char *text, u64 size)
{
	hv_console_write((u32)((struct vmm_vm *)ctx)->id, text, size);
}

/* RDRAND if there is one, and if it is not tired; else Marsaglia's xorshift64, from the time. */
static u64 random(void *ctx)
{
	struct vmm_virtio *v = ctx;
	u64 word;

	if (v->has_rdrand && rdrand(&word))
		return word;
	v->random ^= v->random << 13;
	v->random ^= v->random >> 7;
	v->random ^= v->random << 17;
	return v->random;
}

/* ---- The network ---------------------------------------------------------------------------- */

static void net_send(void *ctx, const u8 *frame, u32 size)
{
	struct vmm_virtio *v = ((struct vmm_vm *)ctx)->virtio;

	vswitch_send(v->net_switch, v->net_port, frame, size);
}

/* A frame for a VM, from another one's thread. Wherever it is, it shall look. */
static void net_receive(void *ctx, const u8 *frame, u32 size)
{
	struct vmm_vm *vm = ctx;

	vnet_receive(&vm->virtio->net, frame, size);
	drive(&vm->virtio->slot[NET]);
	hv_vcpu_alarm(vm->id, 0, hv_clock());
}

static struct vswitch *switch_of(const char *name)
{
	for (u32 i = 0; i < SWITCHES; i++) {
		if (!switches[i].name) {
			switches[i].it = hv_memory_alloc(sizeof(struct vswitch));
			switches[i].name = switches[i].it ? name : NULL;
			return switches[i].it;
		}
		if (!strcmp(switches[i].name, name))
			return switches[i].it;
	}
	return NULL;
}

/* ---- Disks ---------------------------------------------------------------------------------- */

/* What the disk is made of: a file's copy, filled up with zeros to a sector, or nothing. */
static int fill_disk(const struct vmm_vm *vm, const struct vmfile_disk *d, struct vblk *b)
{
	u64 size = d->size;
	u32 file = 0;
	int err = d->file[0] ? vmm_find_file(vm, "disk", d->file, &file, &size) : 0;

	if (err)
		return err;
	b->sectors = (size + VBLK_SECTOR - 1) / VBLK_SECTOR;
	b->disk = hv_memory_alloc(b->sectors * VBLK_SECTOR);
	if (!b->disk && b->sectors)
		return -ENOMEM;
	if (d->file[0])
		hv_module_read(file, 0, b->disk, size);
	b->read_only = d->read_only;
	return 0;
}

/* ---- All of them ---------------------------------------------------------------------------- */

static int plug(struct vmm_vm *vm, enum slot slot, struct virtio *virtio)
{
	struct slot_of *s = &vm->virtio->slot[slot];

	*s = (struct slot_of){ .vm = vm, .virtio = virtio, .irq = irqs[slot] };
	return bus_mmio_claim(&vm->bus, VIRTIO_BASE + slot * 4096ull, VIRTIO_SIZE, access, s);
}

static int plug_disks(struct vmm_vm *vm, const struct virt_memory *memory)
{
	static const char *const ids[VMFILE_MAX_DISKS] = { "nestling-disk-1", "nestling-disk-2" };
	int err = 0;

	for (u32 i = 0; i < VMFILE_MAX_DISKS && i < vm->config->disks && !err; i++) {
		struct vblk *b = &vm->virtio->disk[i];

		strlcpy(b->id, ids[i], sizeof(b->id));
		err = fill_disk(vm, &vm->config->disk[i], b);
		vblk_init(b, memory);
		err = err ?: plug(vm, DISK + i, &b->virtio);
	}
	return err;
}

/* Its address is local, and has the VM's number, from 1, as far as that is known: its place. */
static int plug_net(struct vmm_vm *vm, const struct virt_memory *memory, u32 index)
{
	struct vmm_virtio *v = vm->virtio;
	int port;

	v->net_switch = switch_of(vm->config->net);
	port = v->net_switch ? vswitch_plug(v->net_switch, net_receive, vm) : -ENOSPC;
	if (port < 0) {
		vmm_printf("vm %s: no room at the switch \"%s\"\n", vm->config->name,
			   vm->config->net);
		return port;
	}
	v->net_port = (u32)port;
	v->net.address[0] = 0x02;	/* locally administered: IEEE 802, 8.2 */
	v->net.address[4] = (u8)((index + 1) >> 8);
	v->net.address[5] = (u8)(index + 1);
	v->net.send = net_send;
	v->net.ctx = vm;
	vnet_init(&v->net, memory);
	return plug(vm, NET, &v->net.virtio);
}

int virtio_init(struct vmm_vm *vm, u32 index)
{
	const struct virt_memory memory = { read_memory, write_memory, vm };
	const struct vmfile_vm *c = vm->config;
	struct vmm_virtio *v;
	int err = 0;

	if (!(c->devices & (VMFILE_CONSOLE | VMFILE_ENTROPY)) && !c->disks && !c->net[0])
		return 0;
	v = vm->virtio = hv_memory_alloc(sizeof(*v));
	if (!v)
		return -ENOMEM;
	if (c->devices & VMFILE_CONSOLE) {
		v->console.send = console_send;
		v->console.ctx = vm;
		vconsole_init(&v->console, &memory);
		err = plug(vm, CONSOLE, &v->console.virtio);
	}
	if (c->devices & VMFILE_ENTROPY && !err) {
		v->random = hv_wall_clock() ^ hv_clock() << 1 ^ (u64)index << 40 ^ 1;
		v->has_rdrand = rdrand_exists();
		v->entropy.random = random;
		v->entropy.ctx = v;
		ventropy_init(&v->entropy, &memory);
		err = plug(vm, ENTROPY, &v->entropy.virtio);
	}
	err = err ?: plug_disks(vm, &memory);
	return err || !c->net[0] ? err : plug_net(vm, &memory, index);
}

void virtio_end(struct vmm_vm *vm)
{
	struct vmm_virtio *v = vm->virtio;

	if (!v)
		return;
	if (v->slot[NET].virtio)
		vswitch_unplug(v->net_switch, v->net_port);
	for (u32 i = 0; i < VMFILE_MAX_DISKS; i++)
		hv_memory_free(v->disk[i].disk, v->disk[i].sectors * VBLK_SECTOR);
	hv_memory_free(v, sizeof(*v));
	vm->virtio = NULL;
}

/* ---- What comes from outside ---------------------------------------------------------------- */

bool virtio_listens(const struct vmm_vm *vm)
{
	const struct vmm_virtio *v = vm->virtio;

	return v && v->slot[CONSOLE].virtio && virtio_is_live(&v->console.virtio);
}

bool virtio_type(struct vmm_vm *vm, char c)
{
	struct vmm_virtio *v = vm->virtio;
	bool room = vconsole_receive(&v->console, (u8)c);

	virtio_wake(&v->console.virtio, 0);
	drive(&v->slot[CONSOLE]);
	return room;
}

u32 virtio_room(const struct vmm_vm *vm)
{
	return vconsole_room(&vm->virtio->console);
}

bool virtio_waits(const struct vmm_vm *vm)
{
	const struct vmm_virtio *v = vm->virtio;

	return v && ((v->slot[NET].virtio && vpic_open(&vm->pic, irqs[NET])) ||
		     (v->slot[CONSOLE].virtio && vm->listens &&
		      vpic_open(&vm->pic, irqs[CONSOLE])));
}
