/* For tests of loaders: files and guest memory, both in arrays. */
#ifndef UNIT_LOADER_WORLD_H
#define UNIT_LOADER_WORLD_H

#include "lib/errno.h"
#include "lib/string.h"
#include "load/loader.h"

#define WORLD_FILES 4

static u8 file[WORLD_FILES][32768];	/* the kernel, and modules */
static u64 kernel_size;
static u8 memory[MiB(2)];
static struct loader loader;
static struct loader_start start;
static const char *why;

static int world_read(void *ctx, u32 number, u64 offset, void *buf, u64 size)
{
	u64 end = number ? loader.vm.module[number - 1].size : kernel_size;

	if (offset > end || size > end - offset)
		return -ENOEXEC;
	memcpy(buf, file[number] + offset, size);
	return 0;
}

static int world_write(void *ctx, u64 paddr, const void *buf, u64 size)
{
	if (paddr > sizeof(memory) || size > sizeof(memory) - paddr)
		return -EFAULT;
	memcpy(memory + paddr, buf, size);
	return 0;
}

static int world_copy(void *ctx, u32 number, u64 offset, u64 paddr, u64 size)
{
	if (paddr > sizeof(memory) || size > sizeof(memory) - paddr)
		return -EFAULT;
	return world_read(ctx, number, offset, memory + paddr, size);
}

/* A new VM with an empty kernel of the largest size. */
static void world(u64 size, const char *cmdline)
{
	memset(memory, 0, sizeof(memory));
	memset(file, 0, sizeof(file));
	kernel_size = sizeof(file[0]);
	loader.io = (struct loader_io){ .read = world_read, .copy = world_copy,
					.write = world_write };
	loader.vm = (struct loader_vm){ .memory = size, .cmdline = cmdline,
					.kernel_size = kernel_size };
}

/* Give the VM a module, full of its number. */
static void module(u32 i, u64 size, const char *text)
{
	memset(file[i + 1], (int)i + 1, sizeof(file[0]));
	loader.vm.module[i].size = size;
	loader.vm.module[i].text = text;
	loader.vm.module_count = i + 1;
}

/* Bytes of the kernel's file. */
static void put(u64 at, u64 value, int size)
{
	memcpy(file[0] + at, &value, (size_t)size);
}

#endif
