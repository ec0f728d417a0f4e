/*
 * fuzz: Parses the input as a VM file. An error has its place in the text, and says what was found;
 *       what is accepted keeps the limits; and nothing behind the end has a say.
 * covers: load/vmfile.c
 * seeds: guest/vm
 * size: 1024
 * dict: "vm " "memory " "lazy" "pool " "kernel " "cmdline " "module " "vcpus " "devices " "load "
 *       "mode " "args " "exits " "budget " "late " "rom " "watch " "bare" "include " "real"
 *       "protected" "long" "serial" "pic" "pit" "rtc" "keyboard" "screen" "exit" "0x" "64K" "2M"
 *       "512G" "{" "}" "#"
 */
#include "fuzz.h"
#include "lib/errno.h"
#include "load/vmfile.h"

#define MAX_VMS 3

struct parsed {
	struct vmfile_vm vm[MAX_VMS];
	struct vmfile_error error;
	int count;
};

/* Parse `size` bytes of a longer text, which are not terminated. */
static void parse(struct parsed *p, const u8 *data, size_t size, char behind)
{
	char *text = malloc(size + 1);

	memcpy(text, data, size);
	text[size] = behind;
	p->count = vmfile_parse(text, size, p->vm, MAX_VMS, &p->error);
	free(text);
}

static void check_text(const char *text, size_t room, bool needed)
{
	MUST(strnlen(text, room) < room);
	MUST(!needed || text[0]);
	for (; *text; text++)
		MUST(*text >= ' ' && *text <= '~');
}

static void check_vm(const struct vmfile_vm *vm)
{
	check_text(vm->name, sizeof(vm->name), true);
	check_text(vm->kernel, sizeof(vm->kernel), true);
	check_text(vm->cmdline, sizeof(vm->cmdline), false);
	MUST(vm->module_count <= VMFILE_MAX_MODULES);
	for (u32 i = 0; i < vm->module_count; i++) {
		check_text(vm->module[i].name, sizeof(vm->module[i].name), true);
		check_text(vm->module[i].text, sizeof(vm->module[i].text), false);
	}
	MUST(vm->vcpus >= 1 && vm->vcpus <= VMFILE_MAX_VCPUS);
	MUST(vm->memory >= KiB(64) && vm->memory <= VMFILE_MAX_MEMORY && vm->memory % KiB(4) == 0);
	MUST(!vm->pool || (vm->pool >= 4 && vm->lazy));
	MUST(!(vm->devices & ~(u32)VMFILE_DEVICES));
	MUST(vm->disks <= VMFILE_MAX_DISKS);
	for (u32 i = 0; i < vm->disks; i++) {
		check_text(vm->disk[i].file, sizeof(vm->disk[i].file), false);
		MUST(!vm->disk[i].file[0] == !!vm->disk[i].size && vm->disk[i].size % 512 == 0);
	}
	check_text(vm->net, sizeof(vm->net), false);
	MUST(!vm->bare || (!vm->disks && !vm->net[0]));
	MUST(!(vm->bare && vm->devices));
	MUST(vm->mode <= VMFILE_LONG && (vm->moded || vm->mode == VMFILE_LONG));
	MUST(vm->flat ? vm->load < vm->memory : !vm->load);
	MUST(vm->late <= VMFILE_MAX_MEMORY && vm->late % KiB(4) == 0);
	MUST(vm->late_size <= MiB(16) && vm->late_size % KiB(4) == 0);
	MUST(!vm->late_size || (vm->late >= vm->memory && !vm->bare));
	check_text(vm->rom, sizeof(vm->rom), false);
	MUST(vm->rom[0] ? vm->rom_at >= vm->memory : !vm->rom_at);
	MUST(vm->rom_at <= VMFILE_MAX_MEMORY && vm->rom_at % KiB(4) == 0);
	MUST(vm->watch_size <= GiB(1) && (vm->watch | vm->watch_size) % KiB(4) == 0);
	MUST(vm->watch + vm->watch_size <= vm->memory && (!vm->watch_size || vm->lazy));
}

/* The error's place is a character of the text, or its end. */
static void check_error(const struct vmfile_error *e, const u8 *data, size_t size)
{
	u32 line = 1, column = 1;
	size_t at = 0;

	while (at < size && (line != e->line || column != e->column)) {
		column++;
		if (data[at++] == '\n') {
			line++;
			column = 1;
		}
	}
	MUST(line == e->line && column == e->column);
	check_text(e->message, sizeof(e->message), true);
	MUST(!strncmp(e->message, "expected ", 9) && strstr(e->message, ", found "));
}

static void check_same(const struct parsed *a, const struct parsed *b)
{
	MUST(a->count == b->count);
	if (a->count < 0)
		MUST(a->error.line == b->error.line && a->error.column == b->error.column &&
		     !strcmp(a->error.message, b->error.message));
	else
		MUST(!__builtin_memcmp(a->vm, b->vm, (size_t)a->count * sizeof(a->vm[0])));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct parsed p, again;

	parse(&p, data, size, '"');
	parse(&again, data, size, '9');
	check_same(&p, &again);
	MUST(vmfile_parse((const char *)data, size, again.vm, MAX_VMS, &again.error) == p.count);
	if (p.count < 0) {
		MUST(p.count == -EINVAL);
		check_error(&p.error, data, size);
		return 0;
	}
	MUST(p.count >= 1 && p.count <= MAX_VMS);
	for (int i = 0; i < p.count; i++) {
		check_vm(&p.vm[i]);
		for (int j = 0; j < i; j++)
			MUST(strcmp(p.vm[i].name, p.vm[j].name));
	}
	return 0;
}
