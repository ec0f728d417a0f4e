/* load/vmfile.c: what it accepts, and what it says of the rest, with line and column. */
#include "lib/errno.h"
#include "lib/string.h"
#include "load/vmfile.h"
#include "unit.h"

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

static void accepted(void)
{
	CHECK(parse("vm \"a\" { late 0x40000000 64K kernel \"k\" }") == 1);
	CHECK(vms[0].late == GiB(1) && vms[0].late_size == KiB(64));
	CHECK(parse("vm \"a\" { kernel \"k\" }") == 1);
	CHECK(vms[0].memory == MiB(4) && vms[0].mode == VMFILE_LONG && !vms[0].flat);
	CHECK(parse("# first\nvm \"a\" {\n\tmemory 2M # room\n\tkernel \"k.elf\"\n\tmode real\n"
		    "\tload 0x7C00\n\targs 1 0xffffffffffffffff\n\texits 3\n\tbudget 1K\n}\n"
		    "vm \"b\" { kernel \"k\" memory 1G mode protected }\n") == 2);
	CHECK(vms[0].memory == MiB(2) && vms[0].flat && vms[0].load == 0x7c00);
	CHECK(vms[0].args[0] == 1 && vms[0].args[1] == ~0ull);
	CHECK(vms[0].exits == 3 && vms[0].budget == 1024 && vms[0].mode == VMFILE_REAL);
	CHECK(vms[1].memory == GiB(1) && vms[1].mode == VMFILE_PROTECTED);
	CHECK_TEXT(vms[1].name, "b");
	CHECK_TEXT(vms[0].kernel, "k.elf");
}

static void refused(void)
{
	refuse("", 1, 1, "expected \"vm\", found the end of the file");
	refuse("vm", 1, 3, "expected the VM's name in quotes, found the end of the file");
	refuse("vm \"\" {", 1, 4, "expected the VM's name in quotes, found the string \"\"");
	refuse("vm \"a\"", 1, 7, "expected \"{\", found the end of the file");
	refuse("vm \"a\" { }", 1, 10, "expected a kernel before the VM ends, found \"}\"");
	refuse("vm \"a\" {\n  color \"red\" }", 2, 3, "expected memory, kernel, load, mode, args, "
	       "exits, budget, late, bare or \"}\", found \"color\"");
	refuse("vm \"a\" { memory 1T }", 1, 17, "expected a size from 64K to 512G, found a number "
	       "with something behind it");
	refuse("vm \"a\" { memory 99999999999999999999 }", 1, 17, "expected a size from 64K to "
	       "512G, found a number that does not fit in 64 bits");
	refuse("vm \"a\" { late 5000 4K }", 1, 15,
	       "expected a multiple of 4K, found the number 5000");
	refuse("vm \"a\" { late 0x1000 1G }", 1, 22,
	       "expected a size from 4K to 16M, found the number 1073741824");
	refuse("vm \"a\" { memory 5000 }", 1, 17,
	       "expected a multiple of 4K, found the number 5000");
	refuse("vm \"a\" { kernel \"k }", 1, 17, "expected a file name in quotes, found a string "
	       "that does not end on its line");
	refuse("vm \"a\" { kernel \"01234567890123456789012345678901\" }", 1, 17,
	       "expected a file name in quotes, found a string of more than 31 characters");
	refuse("vm \"a\" { $ }", 1, 10, "expected memory, kernel, load, mode, args, exits, budget, "
	       "late, bare or \"}\", found a character that has no meaning here");
	refuse("vm \"a\" { kernel \"k\" } vm \"a\" { kernel \"k\" }", 1, 26,
	       "expected a name that no other VM has, found the string \"a\"");
	refuse("vm \"a\" { kernel \"k\" mode 64 }", 1, 26,
	       "expected real, protected or long, found the number 64");
	refuse("vm \"a\" { load 0x }", 1, 15, "expected an address, found a number without digits");
}

static void too_many(void)
{
	const char *five = "vm \"a\" {kernel \"k\"} vm \"b\" {kernel \"k\"}\n"
			   "vm \"c\" {kernel \"k\"} vm \"d\" {kernel \"k\"}\n"
			   "vm \"e\" {kernel \"k\"}\n";

	refuse(five, 3, 1, "expected no more VMs: that is the limit, found \"vm\"");
}

int main(void)
{
	accepted();
	refused();
	too_many();
	return UNIT_END();
}
