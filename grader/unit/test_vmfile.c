/* load/vmfile.c: what it accepts, and what it says of the rest, with line and column. */
#include "lib/errno.h"
#include "lib/string.h"
#include "load/vmfile.h"
#include "unit.h"

#define X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X250 X50 X50 X50 X50 X50
#define M4 "module \"m\" module \"m\" module \"m\" module \"m\" "
#define SETTINGS "kernel, cmdline, module, memory, pool, vcpus, devices, mode, load, args, " \
		 "exits, budget, late, rom, disk, net, watch, bare or \"}\""

static struct vmfile_vm vms[4];
static struct vmfile_error error;

static int parse(const char *text)
{
	/* A copy without a terminator: a read beyond the end is an error that ASan sees. */
	size_t size = strlen(text);
	char copy[size ? size : 1];

	memcpy(copy, text, size);
	memset(&error, 0, sizeof(error));
	return vmfile_parse(copy, size, vms, 4, &error);
}

static void refuse(const char *text, u32 line, u32 column, const char *message)
{
	CHECK(parse(text) == -EINVAL);
	CHECK_TEXT(error.message, message);
	if (error.line != line || error.column != column) {
		printf("%s: expected %u:%u, seen %u:%u\n", text, line, column, error.line,
		       error.column);
		unit_failures++;
	}
}

/* In a VM that is all right but for `settings`, in the second line. */
static void wrong(const char *settings, u32 column, const char *message)
{
	char text[1024];

	snprintf(text, sizeof(text), "vm \"a\" { kernel \"k\"\n%s\n}", settings);
	refuse(text, 2, column, message);
}

static void defaults(void)
{
	CHECK(parse("vm \"a\" { kernel \"k\" }") == 1);
	CHECK_TEXT(vms[0].name, "a");
	CHECK_TEXT(vms[0].kernel, "k");
	CHECK_TEXT(vms[0].cmdline, "");
	CHECK(vms[0].memory == MiB(4) && vms[0].vcpus == 1 && vms[0].module_count == 0);
	CHECK(!vms[0].lazy && !vms[0].pool);
	CHECK(vms[0].devices == VMFILE_PC_DEVICES);
	CHECK(vms[0].mode == VMFILE_LONG && !vms[0].moded && !vms[0].flat && !vms[0].bare);
	CHECK(!vms[0].args[0] && !vms[0].args[1] && !vms[0].exits && !vms[0].budget);
	CHECK(!vms[0].late && !vms[0].late_size && !vms[0].rom[0] && !vms[0].rom_at);
	CHECK(!vms[0].watch && !vms[0].watch_size);
}

static void accepted(void)
{
	CHECK(parse("# first\nvm \"a\" {\r\n\tmemory 2M # room\n\tkernel \"k.elf\"\n\tmode real\n"
		    "\tload 0x7C00\n\targs 1 0xffffffffffffffff\n\texits 3\n\tbudget 1K\n}\n"
		    "vm\"b\"{kernel\"k\"memory 1G mode protected}# end") == 2);
	CHECK(vms[0].memory == MiB(2) && vms[0].flat && vms[0].load == 0x7c00);
	CHECK(vms[0].args[0] == 1 && vms[0].args[1] == ~0ull);
	CHECK(vms[0].exits == 3 && vms[0].budget == 1024 && vms[0].mode == VMFILE_REAL);
	CHECK(vms[0].moded && vms[1].moded && !vms[1].flat);
	CHECK(vms[1].memory == GiB(1) && vms[1].mode == VMFILE_PROTECTED);
	CHECK_TEXT(vms[1].name, "b");
	CHECK_TEXT(vms[0].kernel, "k.elf");

	CHECK(parse("vm \"a\" { late 4M 64K vcpus 1 kernel \"k\" }") == 1);
	CHECK(vms[0].late == MiB(4) && vms[0].late_size == KiB(64) && vms[0].vcpus == 1);
	CHECK(parse("vm \"a\" { late 0xfff000 16M kernel \"k\" load 0xffefff memory 0xfff000 }") ==
	      1);
	CHECK(vms[0].load == 0xffefff && vms[0].late == 0xfff000);
	CHECK(parse("vm \"a\" { kernel \"k\" bare exits 1 module \"m\" memory 512G }") == 1);
	CHECK(vms[0].bare && !vms[0].devices && vms[0].memory == GiB(512));
	CHECK(parse("vm \"a\" { pool 4 kernel \"k\" memory 96G lazy }"
		    "vm \"b\" { kernel \"lazy\" memory 64K }") == 2);
	CHECK(vms[0].lazy && vms[0].pool == 4 && vms[0].memory == GiB(96));
	CHECK(!vms[1].lazy && !vms[1].pool);
	CHECK(parse("vm \"a\" { rom \"bios.bin\" 0xffff0000 kernel \"k\" memory 2M lazy"
		    " watch 1M 1M bare }") == 1);
	CHECK_TEXT(vms[0].rom, "bios.bin");
	CHECK(vms[0].rom_at == 0xffff0000 && vms[0].watch == MiB(1));
	CHECK(vms[0].watch_size == MiB(1));
}

static void texts(void)
{
	CHECK(parse("vm \"a\" { cmdline \"a # b { vm } \\ kernel\" # c\n"
		    "kernel \"+Az_0.9-\" }") == 1);
	CHECK_TEXT(vms[0].cmdline, "a # b { vm } \\ kernel");
	CHECK_TEXT(vms[0].kernel, "+Az_0.9-");
	CHECK(parse("vm \"a\" { kernel \"k\" cmdline \"" X250 "12345\" }") == 1);
	CHECK_TEXT(vms[0].cmdline, X250 "12345");
	CHECK(parse("vm \"0123456789012345678901234567890\" { kernel \"k\" cmdline \"\" }") == 1);
	CHECK_TEXT(vms[0].name, "0123456789012345678901234567890");
}

static void modules(void)
{
	CHECK(parse("vm \"a\" { module \"one\" module \"two\" \"two = 2\" kernel \"k\" module \"3\""
		    " \"\" }") == 1);
	CHECK(vms[0].module_count == 3);
	CHECK_TEXT(vms[0].module[0].name, "one");
	CHECK_TEXT(vms[0].module[0].text, "one");
	CHECK_TEXT(vms[0].module[1].name, "two");
	CHECK_TEXT(vms[0].module[1].text, "two = 2");
	CHECK_TEXT(vms[0].module[2].text, "");
	CHECK(parse("vm \"a\" { " M4 M4 M4 M4 " kernel \"k\" }") == 1);
	CHECK(vms[0].module_count == VMFILE_MAX_MODULES);
	CHECK(parse("vm \"a\" { module \"m\" kernel \"k\" } vm \"b\" { kernel \"k\" }") == 2);
	CHECK(vms[0].module_count == 1 && vms[1].module_count == 0);
	wrong(M4 M4 M4 M4 "module \"n\"", 177,
	      "expected at most 16 modules in a VM, found the word \"module\"");
}

static void disks(void)
{
	CHECK(parse("vm \"a\" { kernel \"k\" disk \"d.img\" disk 1M readonly net \"lan\" }") == 1);
	CHECK(vms[0].disks == 2);
	CHECK_TEXT(vms[0].disk[0].file, "d.img");
	CHECK(!vms[0].disk[0].size && !vms[0].disk[0].read_only);
	CHECK_TEXT(vms[0].disk[1].file, "");
	CHECK(vms[0].disk[1].size == MiB(1) && vms[0].disk[1].read_only);
	CHECK_TEXT(vms[0].net, "lan");
	CHECK(parse("vm \"a\" { kernel \"k\" }") == 1 && !vms[0].disks && !vms[0].net[0]);
	wrong("disk 512 disk 1K disk 2K", 18,
	      "expected at most 2 disks in a VM, found the word \"disk\"");
	wrong("disk 513", 6, "expected a multiple of 512, found the number 513");
	wrong("disk 2G", 6, "expected a size from 512 to 1G, found the number 2G");
	wrong("disk { }", 6, "expected a size, or a file name in quotes, found \"{\"");
	wrong("net \"a\" net \"b\"", 9, "expected net only once in a VM, found the word \"net\"");
	wrong("disk 1K bare", 1, "expected nothing to emulate in a bare VM, found disk");
	wrong("net \"a\" bare", 1, "expected nothing to emulate in a bare VM, found net");
}

static void devices(void)
{
	CHECK(parse("vm \"a\" { kernel \"k\" devices { exit serial pit } }") == 1);
	CHECK(vms[0].devices == (VMFILE_EXIT | VMFILE_SERIAL | VMFILE_PIT));
	CHECK(parse("vm \"a\" { kernel \"k\" devices{}}") == 1 && !vms[0].devices);
	CHECK(parse("vm \"a\" { devices { serial pic pit rtc keyboard screen exit } kernel \"k\" }")
	      == 1);
	CHECK(vms[0].devices == VMFILE_PC_DEVICES);
	CHECK(parse("vm \"a\" { kernel \"k\" devices { probe } }") == 1);
	CHECK(vms[0].devices == VMFILE_PROBE);
	wrong("devices { pic pit pic }", 19,
	      "expected pic only once in a VM, found the word \"pic\"");
	wrong("devices { sound }", 11, "expected serial, pic, pit, rtc, keyboard, screen,"
	      " exit, probe, console, entropy or \"}\", found the word \"sound\"");
	wrong("devices serial", 9, "expected \"{\", found the word \"serial\"");
	CHECK_TEXT(vmfile_device_name(0), "serial");
	for (u32 i = 0; i < 64; i++)
		CHECK(!!vmfile_device_name(i) == !!(VMFILE_DEVICES & BIT(i)));
}

/* What is wrong outside of a VM's settings. */
static void bad_files(void)
{
	refuse("", 1, 1, "expected \"vm\", found the end of the file");
	refuse("# nothing\n", 2, 1, "expected \"vm\", found the end of the file");
	refuse("vm", 1, 3, "expected a VM's name in quotes, found the end of the file");
	refuse("vm \"\" {", 1, 4, "expected a VM's name in quotes, found the string \"\"");
	refuse("vm a {", 1, 4, "expected a VM's name in quotes, found the word \"a\"");
	refuse("vm \"a b\" {", 1, 4, "expected a VM's name of letters, digits and . _ + -, "
	       "found the string \"a b\"");
	refuse("vm \"a\"", 1, 7, "expected \"{\", found the end of the file");
	refuse("vm \"a\" { kernel \"k\"", 1, 20,
	       "expected " SETTINGS ", found the end of the file");
	refuse("vm \"a\" { }", 1, 10, "expected a kernel before the VM ends, found \"}\"");
	refuse("vm \"a\" { kernel \"k\" } }", 1, 23, "expected \"vm\", found \"}\"");
	refuse("vm \"a\" { kernel \"k\" } vm \"a\" { kernel \"k\" }", 1, 26,
	       "expected a name that no other VM has, found the string \"a\"");
	refuse("include \"other.vm\"", 1, 1,
	       "expected \"vm\", found the word \"include\": a VM file includes no other");
	refuse("vm \"a\" {kernel \"k\"} vm \"b\" {kernel \"k\"}\n"
	       "vm \"c\" {kernel \"k\"} vm \"d\" {kernel \"k\"}\n"
	       "vm \"e\" {kernel \"k\"}\n", 3, 1, "expected at most 4 VMs, found the word \"vm\"");
}

static void bad_tokens(void)
{
	wrong("$", 1, "expected " SETTINGS ", found a character that has no meaning here");
	wrong("  cmdline \"k", 11, "expected a text in quotes, found a string that does not "
	      "end on its line");
	wrong("cmdline \"a\tb\"", 9, "expected a text in quotes, found a string with a "
	      "character that is not printable ASCII");
	wrong("cmdline \"" X250 "123456\"", 9,
	      "expected a text in quotes, found a string of more than 255 characters");
	wrong("cmdline " X50, 9,
	      "expected a text in quotes, found a word of more than 31 characters");
	wrong("load 0x", 6,
	      "expected an address up to 512G, found a number without digits");
	wrong("memory 1T", 8,
	      "expected a size from 64K to 512G, found a number with something behind it");
	wrong("memory 99999999999999999999", 8, "expected a size from 64K to 512G, found a "
	      "number that does not fit in 64 bits");
	wrong("memory 0x4000000000G", 8, "expected a size from 64K to 512G, found a "
	      "number that does not fit in 64 bits");
	wrong("args 1 " X50, 8,
	      "expected a second number, found a word of more than 31 characters");
}

static void bad_values(void)
{
	wrong("color \"red\"", 1, "expected " SETTINGS ", found the word \"color\"");
	wrong("include \"x.vm\"", 1, "expected " SETTINGS
	      ", found the word \"include\": a VM file includes no other");
	wrong("memory 32K", 8, "expected a size from 64K to 512G, found the number 32K");
	wrong("memory 513G", 8, "expected a size from 64K to 512G, found the number 513G");
	wrong("memory 70000", 8, "expected a multiple of 4K, found the number 70000");
	wrong("memory lazy", 8, "expected a size from 64K to 512G, found the word \"lazy\"");
	wrong("memory 1G eager", 11, "expected " SETTINGS ", found the word \"eager\"");
	wrong("memory 1G lazy lazy", 16, "expected " SETTINGS ", found the word \"lazy\"");
	wrong("pool 3", 6, "expected a number of pages, at least 4, found the number 3");
	wrong("vcpus 2", 7, "expected 1: more are not there yet, found the number 2");
	wrong("mode 64", 6, "expected real, protected or long, found the number 64");
	wrong("load 513G", 6, "expected an address up to 512G, found the number 513G");
	wrong("args exits 1", 6, "expected two numbers, found the word \"exits\"");
	wrong("args 1 exits 1", 8, "expected a second number, found the word \"exits\"");
	wrong("exits 0", 7, "expected a number of exits, at least 1, found the number 0");
	wrong("budget \"1\"", 8,
	      "expected a number of TSC ticks, at least 1, found the string \"1\"");
	wrong("late 5000 4K", 6, "expected a multiple of 4K, found the number 5000");
	wrong("late 4M 1G", 9, "expected a size from 4K to 16M, found the number 1G");
	wrong("rom 4M", 5, "expected a file name in quotes, found the number 4M");
	wrong("rom \"r\" 5000", 9, "expected a multiple of 4K, found the number 5000");
	wrong("watch 0 2G", 9, "expected a size from 4K to 1G, found the number 2G");
	wrong("module dev", 8, "expected a file name in quotes, found the word \"dev\"");
	wrong("module \"../m\"", 8, "expected a file name of letters, digits and . _ + -, "
	      "found the string \"../m\"");
	wrong("module \"a,b\"", 8, "expected a file name of letters, digits and . _ + -, "
	      "found the string \"a,b\"");
	wrong("module \"" X50 "\"", 8, "expected a file name of at most 31 characters, found"
	      " the string \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...\"");
}

/* Each setting is all right by itself. */
static void contradictions(void)
{
	static const char *const settings[][2] = {
		{ "kernel", "\"k\"" }, { "cmdline", "\"\"" }, { "memory", "4M lazy" },
		{ "vcpus", "1" }, { "devices", "{ }" }, { "mode", "long" }, { "load", "0" },
		{ "args", "0 0" },
		{ "exits", "1" }, { "budget", "1" }, { "late", "4M 4K" }, { "bare", "" },
		{ "pool", "4" }, { "rom", "\"r\" 4M" }, { "watch", "0 4K" },
	};
	char text[128], message[128];

	for (u32 i = 0; i < ARRAY_SIZE(settings); i++) {
		const char *name = settings[i][0], *value = settings[i][1];

		snprintf(text, sizeof(text), "vm \"a\" {\n%s %s\n%s %s kernel \"k\" }", name, value,
			 name, value);
		snprintf(message, sizeof(message),
			 "expected %s only once in a VM, found the word \"%s\"", name, name);
		refuse(text, 3, 1, message);
	}
	wrong("load 2M memory 2M", 1,
	      "expected load below 0x200000, the end of memory, found 0x200000");
	wrong("memory 8M late 4M 4K", 11,
	      "expected late from 0x800000 on, the end of memory, found 0x400000");
	wrong("memory 8M pool 4", 11, "expected lazy memory in a VM with a pool, found none");
	wrong("memory 8M rom \"r\" 4M", 11,
	      "expected rom from 0x800000 on, the end of memory, found 0x400000");
	wrong("watch 0 4K", 1, "expected lazy memory to watch, found none");
	wrong("memory 8M lazy watch 4M 5M", 16,
	      "expected watch below 0x800000, the end of memory, found 0x900000");
	wrong("memory 8M lazy watch 16M 4K", 16,
	      "expected watch below 0x800000, the end of memory, found 0x1001000");
	wrong("bare late 4M 4K", 6, "expected nothing to emulate in a bare VM, found late");
	wrong("devices { } bare", 1,
	      "expected nothing to emulate in a bare VM, found devices");
}

int main(void)
{
	defaults();
	accepted();
	texts();
	modules();
	devices();
	disks();
	bad_files();
	bad_tokens();
	bad_values();
	contradictions();
	return UNIT_END();
}
