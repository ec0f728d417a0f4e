/*
 * vmcheck FILE.vm: read a VM file on the host, with the hypervisor's own parser. Exit status 0, and
 * a table of its VMs; 1, and what is wrong with it, and where; 2, if it can't be read.
 */
#include "api.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "load/vmfile.h"

#define COLUMNS	5
#define CELL	(VMFILE_MAX_MODULES * VMFILE_NAME_MAX)

static struct vmfile_vm vms[HV_MAX_VMS];

/* @return bytes, more than VMFILE_MAX_SIZE for any file that is larger; -1 after an error */
static s64 read_file(const char *path, char text[static VMFILE_MAX_SIZE + 1])
{
	FILE *file = fopen(path, "rb");
	s64 size = -1;

	if (file) {
		size = (s64)fread(text, 1, VMFILE_MAX_SIZE + 1, file);
		if (ferror(file))
			size = -1;
		fclose(file);
	}
	return size;
}

/* Append a word to a cell. */
static void add(char out[static CELL], const char *word)
{
	size_t n = strlen(out);

	snprintf(out + n, CELL - n, "%s%s", n ? " " : "", word);
}

/* Bytes as a person would write them: 64M. */
static void add_size(char out[static CELL], u64 size)
{
	const char *unit = "KMG";

	for (size >>= 10; unit[1] && size % 1024 == 0; size >>= 10)
		unit++;
	snprintf(out, CELL, "%lu%c", size, *unit);
}

static void fill_row(char row[static COLUMNS][CELL], const struct vmfile_vm *vm)
{
	add(row[0], vm->name);
	add_size(row[1], vm->memory);
	if (vm->lazy)
		add(row[1], "lazy");
	add(row[2], vm->kernel);
	for (u32 i = 0; vmfile_device_name(i) && vm->devices != VMFILE_PC_DEVICES; i++) {
		if (vm->devices & BIT(i))
			add(row[3], vmfile_device_name(i));
	}
	if (!row[3][0])
		add(row[3], vm->devices ? "all" : "none");
	for (u32 i = 0; i < vm->module_count; i++)
		add(row[4], vm->module[i].name);
	if (!vm->module_count)
		add(row[4], "none");
}

static void show(u32 count)
{
	static char table[1 + HV_MAX_VMS][COLUMNS][CELL] = {
		{ "vm", "memory", "kernel", "devices", "modules" }
	};
	int width[COLUMNS] = { 0 };

	for (u32 i = 0; i < count; i++)
		fill_row(table[1 + i], &vms[i]);
	for (u32 i = 0; i <= count; i++) {
		for (u32 j = 0; j < COLUMNS - 1; j++) {
			int length = (int)strlen(table[i][j]);

			width[j] = length > width[j] ? length : width[j];
		}
	}
	for (u32 i = 0; i <= count; i++) {
		for (u32 j = 0; j < COLUMNS; j++)
			printf("%-*s%s", width[j], table[i][j], j + 1 < COLUMNS ? "  " : "\n");
	}
}

int main(int argc, char **argv)
{
	static char text[VMFILE_MAX_SIZE + 1];
	struct vmfile_error error;
	s64 size;
	int count;

	if (argc != 2) {
		fprintf(stderr, "usage: vmcheck FILE.vm\n");
		return 2;
	}
	size = read_file(argv[1], text);
	if (size < 0) {
		perror(argv[1]);
		return 2;
	}
	if (size > (s64)VMFILE_MAX_SIZE) {
		fprintf(stderr, "%s: larger than 64 KiB\n", argv[1]);
		return 1;
	}
	count = vmfile_parse(text, (u64)size, vms, HV_MAX_VMS, &error);
	if (count < 0) {
		fprintf(stderr, "%s:%u:%u: %s\n", argv[1], error.line, error.column, error.message);
		return 1;
	}
	show((u32)count);
	return 0;
}
