/* From a VM's description to a vCPU that is ready to run. */
#include "vmm/vmm.h"

#include "lib/string.h"
#include "x86/regs.h"

/*
 * Page tables for a long-mode start, in the last pages below vmm_plain_end(): virtual addresses are
 * guest physical ones, for the first 4 GiB, in 2 MiB pages.
 */
static int page_tables(const struct vmm_vm *vm, u64 *cr3)
{
	static u64 table[512];
	u64 pml4 = vmm_plain_end(vm->config) - VMM_TABLES, pdpt = pml4 + 4096, pd = pdpt + 4096;
	int err;

	memset(table, 0, sizeof(table));
	table[0] = pdpt | PTE_P | PTE_W | PTE_U;
	err = hv_gpa_write(vm->id, pml4, table, sizeof(table));
	for (u64 i = 0; i < 4; i++)
		table[i] = (pd + i * 4096) | PTE_P | PTE_W | PTE_U;
	err = err ?: hv_gpa_write(vm->id, pdpt, table, sizeof(table));
	for (u64 i = 0; i < 4 && !err; i++) {
		for (u64 j = 0; j < 512; j++)
			table[j] = (i << 30 | j << 21) | PTE_P | PTE_W | PTE_U | PTE_PS;
		err = hv_gpa_write(vm->id, pd + i * 4096, table, sizeof(table));
	}
	*cr3 = pml4;
	return err;
}

int vmm_map(const struct vmm_vm *vm, u64 gpa, u64 size, u32 prot)
{
	if (bus_mmio_find(&vm->bus, gpa, size))
		return -EEXIST;
	return vm->config->lazy ? hv_gpa_map_lazy(vm->id, gpa, size, prot) :
				  hv_gpa_map(vm->id, gpa, size, prot);
}

/*
 * The VM's own memory. Where it would be in the way of devices it has a hole, as in a PC's map of
 * memory (load/memmap.h); what would be there is not to be had.
 */
static int map_memory(const struct vmm_vm *vm)
{
	const u64 hole = MEMMAP_HOLE, end = GiB(4), size = vm->config->memory;

	if (size <= hole || !bus_mmio_find(&vm->bus, hole, end - hole))
		return vmm_map(vm, 0, size, HV_PROT_ALL);
	return vmm_map(vm, 0, hole, HV_PROT_ALL) ?:
	       size > end ? vmm_map(vm, end, size - end, HV_PROT_ALL) : 0;
}

int vmm_create(struct vmm_vm *vm)
{
	static struct hv_machine_config config;
	int id, err;

	if (vm->config->late_size &&
	    bus_mmio_find(&vm->bus, vm->config->late, vm->config->late_size))
		return -EEXIST;
	id = hv_machine_create();
	if (id < 0)
		return id;
	vm->id = id;
	memset(&config, 0, sizeof(config));
	strlcpy(config.name, vm->config->name, sizeof(config.name));
	config.budget = vm->config->budget;
	config.bare = vm->config->bare;
	config.pool = vm->config->pool;
	if (!config.bare)
		vmm_policy(&config);
	err = hv_machine_configure(id, &config) ?:
	      map_memory(vm);
	if (err)
		hv_machine_destroy(id);
	return err;
}

int vmm_start_vcpu(const struct vmm_vm *vm, u64 rip)
{
	const struct vmfile_vm *c = vm->config;
	struct hv_vcpu_start start = {
		.mode = (enum hv_mode)c->mode,
		.rip = rip,
		.args = { c->args[0], c->args[1] },
		/* Below the page tables; real mode has 16 bits for it. */
		.rsp = c->mode == VMFILE_REAL ? 0x7c00 : vmm_plain_end(c) - 8 * KiB(4),
	};

	return (c->mode == VMFILE_LONG ? page_tables(vm, &start.cr3) : 0) ?:
	       hv_vcpu_create(vm->id, 0, &start);
}

/* The vCPU for a kernel that a loader has prepared. */
static int start_prepared(const struct vmm_vm *vm, const struct loader_start *k)
{
	const struct hv_vcpu_start start = { .mode = HV_MODE_PROTECTED, .rip = k->eip,
					     .rsp = k->esp };
	static struct hv_vcpu_state s;
	int err = hv_vcpu_create(vm->id, 0, &start) ?:
		  hv_vcpu_getstate(vm->id, 0, &s, HV_STATE_GPRS | HV_STATE_SEGS);

	s.gpr[HV_RAX] = k->eax;
	s.gpr[HV_RBX] = k->ebx;
	s.gpr[HV_RSI] = k->esi;
	for (u32 i = HV_ES; i <= HV_GS; i++)	/* flat they are already */
		s.seg[i].selector = i == HV_CS ? LOADER_CS : LOADER_DS;
	s.gdtr = (struct hv_table){ .base = k->gdt, .limit = LOADER_GDT_SIZE - 1 };
	return err ?: hv_vcpu_setstate(vm->id, 0, &s, HV_STATE_GPRS | HV_STATE_SEGS);
}

/* What has been loaded by now is not the guest's doing. */
static int watch(const struct vmm_vm *vm)
{
	const struct vmfile_vm *c = vm->config;
	int err = c->watch_size ? hv_dirty_start(vm->id, c->watch, c->watch_size) : 0;

	if (err)
		vmm_printf("vm %s: its memory can't be watched: error %d\n", c->name, -err);
	return err;
}

int vmm_start(struct vmm_vm *vm)
{
	const char *name = vm->config->name;
	int err = vmm_create(vm);
	struct vmm_kernel k;

	if (err) {
		vmm_printf("vm %s: can't be created: %s\n", name,
			   err == -ENOMEM ? "not enough host memory that is contiguous" :
			   err == -EEXIST ? "a device is where its memory would be" :
			   err == -ENOSPC ? "too many VMs" : "bad configuration");
		return err;
	}
	err = vmm_load_kernel(vm, &k) ?:
	      (k.plain ? vmm_start_vcpu(vm, k.entry) : start_prepared(vm, &k.start));
	vm->plain = k.plain;
	if (!err && !k.plain)
		pc_firmware(vm);
	err = err ?: watch(vm);
	if (!err)
		vmm_printf("vm %s created id=%d memory=%lu\n", name, vm->id, vm->config->memory);
	return err;
}
