/*
 * fuzz: Parses the input as a VM file. An error has its place in the text, and says what was found;
 *       what is accepted keeps the limits; and nothing behind the end has a say.
 * covers: load/vmfile.c
 * seeds: guest/vm
 * size: 1024
 * dict: "vm " "memory " "kernel " "load " "mode " "args " "exits " "budget " "late " "bare" "real"
 *       "protected" "long" "0x" "64K" "2M" "512G" "{" "}" "#"
 */
#include "fuzz.h"
#include "lib/errno.h"
#include "load/vmfile.h"

#define MAX_VMS 4

struct parsed {
	struct vmfile_vm vm[MAX_VMS];
	struct vmfile_error error;
	int count;
};

/* Parse `size` bytes of a longer text, which are not terminated. */
static struct parsed parse(const u8 *data, size_t size, char behind)
{
	struct parsed p = { .count = 0 };
	char *text = malloc(size + 1);

	memcpy(text, data, size);
	text[size] = behind;
	p.count = vmfile_parse(text, size, p.vm, MAX_VMS, &p.error);
	free(text);
	return p;
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
	MUST(!strchr(vm->name, ' '));
	MUST(vm->memory >= KiB(64) && vm->memory <= VMFILE_MAX_MEMORY && vm->memory % KiB(4) == 0);
	MUST(vm->mode <= VMFILE_LONG);
	MUST(vm->flat || !vm->load);
	MUST(vm->load <= VMFILE_MAX_MEMORY);
	MUST(vm->late <= VMFILE_MAX_MEMORY && vm->late % KiB(4) == 0);
	MUST(vm->late_size <= MiB(16) && vm->late_size % KiB(4) == 0);
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

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct parsed p = parse(data, size, '"'), again = parse(data, size, '9');

	MUST(p.count == again.count);
	MUST(!memcmp(p.vm, again.vm, sizeof(p.vm)));
	MUST(!memcmp(&p.error, &again.error, sizeof(p.error)));
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
