/* load/cmdline.c: words, and the names of files. */
#include "lib/string.h"
#include "load/cmdline.h"
#include "unit.h"

static void words(void)
{
	char line[] = "  hv.elf end=qemu  x ", *rest = line;

	CHECK_TEXT(cmdline_next(&rest), "hv.elf");
	CHECK_TEXT(cmdline_next(&rest), "end=qemu");
	CHECK_TEXT(cmdline_next(&rest), "x");
	CHECK(!cmdline_next(&rest) && !cmdline_next(&rest));
	line[0] = '\0';
	rest = line;
	CHECK(!cmdline_next(&rest));
}

static void file(const char *string, const char *expected)
{
	char name[8];

	memset(name, 'x', sizeof(name));
	cmdline_file(string, name, sizeof(name));
	CHECK_TEXT(name, expected);
}

int main(void)
{
	words();
	file("", "");
	file("a.vm", "a.vm");
	file("/boot/a.vm b /c", "a.vm");
	file(" a", "");
	file("/boot/", "");
	file("/boot/much-too-long", "much-to");
	return UNIT_END();
}
