/* From a VM's description to a vCPU that is ready to run. */
#include "vmm/vmm.h"

#include "lib/string.h"
#include "load/elf.h"
#include "x86/regs.h"

#define TABLES	(6 * 4096ull)	/* at the end of a long-mode VM's memory: page_tables() */

/** What the loader needs to know: which module goes into which VM. */
struct load {
	struct vmm_vm *vm;
	u32 module;
};

static int load_read(void *ctx, u64 offset, void *buf, u64 size)
{
	const struct load *l = ctx;

	return hv_module_read(l->module, offset, buf, size) == (s64)size ? 0 : -ENOEXEC;
}

/* Guest memory is zero already, so only the file's bytes need copying. */
static int load_segment(void *ctx, u64 paddr, u64 offset, u64 filesz, u64 memsz)
{
	const struct load *l = ctx;
	u64 memory = l->vm->config->memory - (l->vm->config->mode == VMFILE_LONG ? TABLES : 0);
	static u8 buf[4096];

	if (paddr > memory || memsz > memory - paddr)
		return -EFAULT;
	for (u64 done = 0, n; done < filesz; done += n) {
		n = filesz - done < sizeof(buf) ? filesz - done : sizeof(buf);
		if (load_read(ctx, offset + done, buf, n) ||
		    hv_gpa_write(l->vm->id, paddr + done, buf, n))
			return -EFAULT;
	}
	return 0;
}

static int find_module(const char *name, u64 *size)
{
	struct hv_module m;

	for (u32 i = 0; !hv_module_info(i, &m); i++) {
		if (!strcmp(m.name, name)) {
			*size = m.size;
			return (int)i;
		}
	}
	return -ENOENT;
}

static int load_kernel(struct vmm_vm *vm, u64 *entry)
{
	const struct vmfile_vm *c = vm->config;
	const char *why = "it does not fit into the VM's memory";
	u64 size = 0;
	int module = find_module(c->kernel, &size), err;
	struct load l = { .vm = vm, .module = (u32)module };
	const struct elf_io io = { .ctx = &l, .read = load_read, .load = load_segment };

	if (module < 0) {
		vmm_printf("vm %s: kernel \"%s\" is not among the boot modules\n", c->name,
			   c->kernel);
		return module;
	}
	if (c->flat) {
		*entry = c->load;
		err = load_segment(&l, c->load, 0, size, size);
	} else {
		err = elf_load(&io, entry, &why);
	}
	if (err)
		vmm_printf("vm %s: kernel \"%s\" can't be loaded: %s\n", c->name, c->kernel, why);
	return err;
}

/*
 * Page tables for a long-mode start, in the last pages of the VM's memory: virtual addresses are
 * guest physical ones, for the first 4 GiB, in 2 MiB pages.
 */
static int page_tables(const struct vmm_vm *vm, u64 *cr3)
{
	static u64 table[512];
	u64 pml4 = vm->config->memory - TABLES, pdpt = pml4 + 4096, pd = pdpt + 4096;
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

int vmm_create(struct vmm_vm *vm)
{
	static struct hv_machine_config config;
	int id = hv_machine_create(), err;

	if (id < 0)
		return id;
	vm->id = id;
	memset(&config, 0, sizeof(config));
	strlcpy(config.name, vm->config->name, sizeof(config.name));
	config.budget = vm->config->budget;
	config.bare = vm->config->bare;
	if (!config.bare)
		vmm_policy(&config);
	err = hv_machine_configure(id, &config) ?:
	      hv_gpa_map(id, 0, vm->config->memory, HV_PROT_ALL);
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
		.rsp = c->mode == VMFILE_REAL ? 0x7c00 : c->memory - 8 * KiB(4),
	};

	return (c->mode == VMFILE_LONG ? page_tables(vm, &start.cr3) : 0) ?:
	       hv_vcpu_create(vm->id, 0, &start);
}

int vmm_start(struct vmm_vm *vm)
{
	const char *name = vm->config->name;
	int err = vmm_create(vm);
	u64 entry;

	if (err) {
		vmm_printf("vm %s: can't be created: %s\n", name,
			   err == -ENOMEM ? "not enough host memory that is contiguous" :
			   err == -ENOSPC ? "too many VMs" : "bad configuration");
		return err;
	}
	err = load_kernel(vm, &entry) ?: vmm_start_vcpu(vm, entry);
	if (!err)
		vmm_printf("vm %s created id=%d memory=%lu\n", name, vm->id, vm->config->memory);
	return err;
}
