/*
 * From the files that a VM file names to guest memory. The kernel's file says which loader is to
 * be asked: Linux, multiboot, or none but ELF's, unless the VM file says how it starts.
 */
#include "lib/string.h"
#include "load/elf.h"
#include "load/linux.h"
#include "load/mbload.h"
#include "vmm/vmm.h"

/** Where the loaders' files and guest memory are: what their functions get as `ctx`. */
struct files {
	int vm;				/* of the core */
	u64 memory;			/* that a plain kernel may use */
	u32 module[1 + LOADER_MAX_MODULES];	/* boot modules: the kernel, the VM's modules */
};
static_assert(VMFILE_MAX_MODULES <= LOADER_MAX_MODULES, "each has a place in struct files");

static int read_file(void *ctx, u32 file, u64 offset, void *buf, u64 size)
{
	const struct files *f = ctx;

	return hv_module_read(f->module[file], offset, buf, size) == (s64)size ? 0 : -ENOEXEC;
}

static int copy_file(void *ctx, u32 file, u64 offset, u64 paddr, u64 size)
{
	const struct files *f = ctx;
	static u8 buf[4096];

	for (u64 done = 0, n; done < size; done += n) {
		n = size - done < sizeof(buf) ? size - done : sizeof(buf);
		if (read_file(ctx, file, offset + done, buf, n) ||
		    hv_gpa_write(f->vm, paddr + done, buf, n))
			return -EFAULT;
	}
	return 0;
}

static int write_memory(void *ctx, u64 paddr, const void *buf, u64 size)
{
	const struct files *f = ctx;

	return hv_gpa_write(f->vm, paddr, buf, size);
}

static int read_kernel(void *ctx, u64 offset, void *buf, u64 size)
{
	return read_file(ctx, 0, offset, buf, size);
}

/* Guest memory is zero already, so only the file's bytes need copying. */
static int load_segment(void *ctx, u64 paddr, u64 offset, u64 filesz, u64 memsz)
{
	const struct files *f = ctx;

	if (paddr > f->memory || memsz > f->memory - paddr)
		return -EFAULT;
	return copy_file(ctx, 0, offset, paddr, filesz);
}

/* A kernel that starts in the mode of the VM file and is told nothing but `args`. */
static int load_plain(const struct vmfile_vm *c, struct files *f, u64 size, u64 *entry,
		      const char **why)
{
	const struct elf_io io = { .ctx = f, .read = read_kernel, .load = load_segment };
	struct elf_image image = { .entry = 0 };
	int err;

	if (c->flat) {
		*why = "it does not fit into the VM's memory";
		*entry = c->load;
		return load_segment(f, c->load, 0, size, size);
	}
	err = elf_load(&io, &image, why);
	*entry = image.entry;
	return err;
}

int vmm_find_file(const struct vmm_vm *vm, const char *what, const char *name, u32 *module,
		  u64 *size)
{
	struct hv_module m;

	for (u32 i = 0; !hv_module_info(i, &m); i++) {
		if (!strcmp(m.name, name)) {
			*module = i;
			*size = m.size;
			return 0;
		}
	}
	vmm_printf("vm %s: %s \"%s\" is not among the boot modules\n", vm->config->name, what,
		   name);
	return -ENOENT;
}

/* A file in memory of its own, which the guest can't write to. */
static int load_rom(struct vmm_vm *vm)
{
	const struct vmfile_vm *c = vm->config;
	struct files f = { .vm = vm->id };
	u64 size = 0;
	int err = vmm_find_file(vm, "rom", c->rom, &f.module[0], &size);

	if (err)
		return err;
	err = vmm_map(vm, c->rom_at, ROUND_UP(size, 4096), HV_PROT_READ | HV_PROT_EXEC) ?:
	      copy_file(&f, 0, 0, c->rom_at, size);
	if (err)
		vmm_printf("vm %s: rom \"%s\" can't be loaded: %s %d\n", c->name, c->rom,
			   err == -EEXIST ? "a device is there: error" : "error", -err);
	vm->rom_size = err ? 0 : ROUND_UP(size, 4096);
	return err;
}

int vmm_load_kernel(struct vmm_vm *vm, struct vmm_kernel *k)
{
	const struct vmfile_vm *c = vm->config;
	struct files f = { .vm = vm->id };
	static struct loader l;
	const char *why = "";
	int err;

	l.io = (struct loader_io){ .ctx = &f, .read = read_file, .copy = copy_file,
				   .write = write_memory };
	l.vm = (struct loader_vm){ .memory = c->memory, .cmdline = c->cmdline,
				   .module_count = c->module_count };
	f.memory = vmm_plain_end(c) - (c->mode == VMFILE_LONG ? VMM_TABLES : 0);
	err = c->rom[0] ? load_rom(vm) : 0;
	err = err ?: vmm_find_file(vm, "kernel", c->kernel, &f.module[0], &l.vm.kernel_size);
	for (u32 i = 0; i < c->module_count && !err; i++) {
		l.vm.module[i].text = c->module[i].text;
		err = vmm_find_file(vm, "module", c->module[i].name, &f.module[1 + i],
				    &l.vm.module[i].size);
	}
	if (err)
		return err;
	k->plain = false;
	if (!c->flat && !c->moded && linux_is(&l)) {
		err = linux_load(&l, &k->start, &why);
	} else if (!c->flat && !c->moded && mbload_is(&l)) {
		err = mbload(&l, &k->start, &why);
	} else {
		k->plain = true;
		if (c->cmdline[0] || c->module_count)
			vmm_printf("vm %s: kernel \"%s\" is none that could be told of a cmdline "
				   "or modules\n", c->name, c->kernel);
		err = load_plain(c, &f, l.vm.kernel_size, &k->entry, &why);
	}
	if (err)
		vmm_printf("vm %s: kernel \"%s\" can't be loaded: %s\n", c->name, c->kernel, why);
	return err;
}
