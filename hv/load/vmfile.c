/* See vmfile.h. A scanner that yields words, strings, numbers and braces, and a parser over it. */
#include "load/vmfile.h"

#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"

enum token { END, WORD, STRING, NUMBER, OPEN, CLOSE, BAD };

/* In the order in which an error lists them. */
enum setting {
	KERNEL, CMDLINE, MODULE, MEMORY, POOL, VCPUS, DEVICES, MODE, LOAD, ARGS, EXITS, BUDGET,
	LATE, ROM, DISK, NET, WATCH, BARE, SETTINGS
};

struct place {
	u32 line, column;
};

struct parser {
	const char *text;
	u64 size, at;
	u32 line, column;

	enum token token;		/* the one in hand */
	struct place place;		/* where it starts */
	char word[VMFILE_TEXT_MAX];	/* WORD, STRING, NUMBER: its text */
	u64 number;			/* NUMBER: its value */
	const char *bad;		/* BAD: what is wrong with it */

	struct place given[SETTINGS];	/* where the VM in hand has its settings; line 0: not */
	struct vmfile_error *error;
	bool failed;
};

/* ---- The scanner ---------------------------------------------------------------------------- */

static int peek(const struct parser *p)
{
	return p->at < p->size ? (u8)p->text[p->at] : -1;
}

static int take(struct parser *p)
{
	int c = peek(p);

	if (c < 0)
		return c;
	p->at++;
	p->column++;
	if (c == '\n') {
		p->line++;
		p->column = 1;
	}
	return c;
}

static bool is_word(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-' || c == '.';
}

static void skip_blanks(struct parser *p)
{
	for (;;) {
		int c = peek(p);

		if (c == '#') {
			while (peek(p) >= 0 && peek(p) != '\n')
				take(p);
		} else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
			take(p);
		} else {
			return;
		}
	}
}

static enum token bad(struct parser *p, const char *what)
{
	p->bad = what;
	return BAD;
}

static enum token scan_string(struct parser *p)
{
	u32 n = 0;
	int c;

	take(p);
	while ((c = take(p)) != '"') {
		if (c < 0 || c == '\n' || c == '\r')
			return bad(p, "a string that does not end on its line");
		if (c < ' ' || c > '~')
			return bad(p, "a string with a character that is not printable ASCII");
		if (n == sizeof(p->word) - 1)
			return bad(p, "a string of more than 255 characters");
		p->word[n++] = (char)c;
	}
	p->word[n] = '\0';
	return STRING;
}

/* Digits in p->word, with an optional 0x and an optional K, M or G. */
static enum token scan_number(struct parser *p)
{
	const char *s = p->word;
	u32 base = 10, shift;
	u64 n = 0;

	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		base = 16;
		s += 2;
	}
	if (!*s)
		return bad(p, "a number without digits");
	for (; *s; s++) {
		u32 digit = *s >= '0' && *s <= '9' ? (u32)(*s - '0') :
			    *s >= 'a' && *s <= 'f' ? (u32)(*s - 'a' + 10) :
			    *s >= 'A' && *s <= 'F' ? (u32)(*s - 'A' + 10) : 99;

		if (digit >= base)
			break;
		if (n > (UINT64_MAX - digit) / base)
			return bad(p, "a number that does not fit in 64 bits");
		n = n * base + digit;
	}
	shift = *s == 'K' ? 10 : *s == 'M' ? 20 : *s == 'G' ? 30 : 0;
	if (shift)
		s++;
	if (*s)
		return bad(p, "a number with something behind it");
	if (n << shift >> shift != n)
		return bad(p, "a number that does not fit in 64 bits");
	p->number = n << shift;
	return NUMBER;
}

static enum token scan(struct parser *p)
{
	u32 n = 0;
	int c;

	skip_blanks(p);
	p->place = (struct place){ p->line, p->column };
	c = peek(p);
	if (c < 0)
		return END;
	if (c == '"')
		return scan_string(p);
	if (c == '{' || c == '}') {
		take(p);
		return c == '{' ? OPEN : CLOSE;
	}
	if (!is_word(c)) {
		take(p);
		return bad(p, "a character that has no meaning here");
	}
	while (is_word(peek(p))) {
		if (n == VMFILE_NAME_MAX - 1)
			return bad(p, "a word of more than 31 characters");
		p->word[n++] = (char)take(p);
	}
	p->word[n] = '\0';
	return p->word[0] >= '0' && p->word[0] <= '9' ? scan_number(p) : WORD;
}

static void next(struct parser *p)
{
	p->token = scan(p);
}

/* ---- The parser ----------------------------------------------------------------------------- */

/* The first error wins. */
static void fail_at(struct parser *p, struct place place, const char *expected, const char *found)
{
	if (p->failed)
		return;
	p->failed = true;
	p->error->line = place.line;
	p->error->column = place.column;
	snprintf(p->error->message, sizeof(p->error->message), "expected %s, found %s", expected,
		 found);
}

/* Something else was expected than the token in hand. */
static void fail(struct parser *p, const char *expected)
{
	char found[80];

	switch (p->token) {
	case END: strlcpy(found, "the end of the file", sizeof(found)); break;
	case WORD:
		snprintf(found, sizeof(found), "the word \"%s\"%s", p->word,
			 strcmp(p->word, "include") ? "" : ": a VM file includes no other");
		break;
	case STRING:
		snprintf(found, sizeof(found), "the string \"%.40s%s\"", p->word,
			 strlen(p->word) > 40 ? "..." : "");
		break;
	case NUMBER: snprintf(found, sizeof(found), "the number %s", p->word); break;
	case OPEN: strlcpy(found, "\"{\"", sizeof(found)); break;
	case CLOSE: strlcpy(found, "\"}\"", sizeof(found)); break;
	default: strlcpy(found, p->bad, sizeof(found));
	}
	fail_at(p, p->place, expected, found);
}

static void expect(struct parser *p, enum token token, const char *what)
{
	if (p->token != token)
		fail(p, what);
	else
		next(p);
}

/*
 * Is the token in hand one of these words? Otherwise fail, with all of them in the message.
 * @return the word's index, or `count`
 */
static u32 find_word(struct parser *p, const char *const *words, u32 count)
{
	char list[160];
	size_t n = 0;

	for (u32 i = 0; p->token == WORD && i < count; i++) {
		if (!strcmp(p->word, words[i]))
			return i;
	}
	for (u32 i = 0; i < count && n < sizeof(list); i++)
		n += snprintf(list + n, sizeof(list) - n, "%s%s", words[i],
			      i + 2 < count ? ", " : i + 2 == count ? " or " : "");
	fail(p, list);
	return count;
}

/* The word that is in hand must not have been there before, at `before`. */
static void only_once(struct parser *p, bool before)
{
	char expected[64];

	if (!before)
		return;
	snprintf(expected, sizeof(expected), "%s only once in a VM", p->word);
	fail(p, expected);
}

/* ---- Values --------------------------------------------------------------------------------- */

/* What every boot loader can pass on as the name of a module. */
static bool is_name(const char *s)
{
	for (; is_word(*s) || *s == '+'; s++)
		;
	return !*s;
}

static void parse_name(struct parser *p, char *out, const char *what)
{
	char expected[96];

	if (p->token != STRING || !p->word[0]) {
		snprintf(expected, sizeof(expected), "%s in quotes", what);
	} else if (!is_name(p->word)) {
		snprintf(expected, sizeof(expected), "%s of letters, digits and . _ + -", what);
	} else if (strlen(p->word) >= VMFILE_NAME_MAX) {
		snprintf(expected, sizeof(expected), "%s of at most %d characters", what,
			 VMFILE_NAME_MAX - 1);
	} else {
		strlcpy(out, p->word, VMFILE_NAME_MAX);
		next(p);
		return;
	}
	fail(p, expected);
}

static void parse_text(struct parser *p, char *out)
{
	strlcpy(out, p->word, VMFILE_TEXT_MAX);
	expect(p, STRING, "a text in quotes");
}

static u64 parse_number(struct parser *p, u64 min, u64 max, const char *what)
{
	u64 n = p->number;

	if (p->token != NUMBER || n < min || n > max) {
		fail(p, what);
		return 0;
	}
	next(p);
	return n;
}

/* A number that is a multiple of a page's size. */
static u64 parse_pages(struct parser *p, u64 min, u64 max, const char *what)
{
	if (p->token == NUMBER && p->number % 4096)
		fail(p, "a multiple of 4K");
	return parse_number(p, min, max, what);
}

/* A word that may be there. @return is it? */
static bool parse_word(struct parser *p, const char *word)
{
	if (p->token != WORD || strcmp(p->word, word))
		return false;
	next(p);
	return true;
}

static void parse_disk(struct parser *p, struct vmfile_vm *vm)
{
	struct vmfile_disk *d = &vm->disk[vm->disks++];

	if (p->token == NUMBER && p->number % 512)
		fail(p, "a multiple of 512");
	if (p->token == NUMBER)
		d->size = parse_number(p, 512, GiB(1), "a size from 512 to 1G");
	else
		parse_name(p, d->file, "a size, or a file name");
	d->read_only = parse_word(p, "readonly");
}

static void parse_module(struct parser *p, struct vmfile_vm *vm)
{
	struct vmfile_module *m = &vm->module[vm->module_count++];

	parse_name(p, m->name, "a file name");
	strlcpy(m->text, m->name, sizeof(m->text));
	if (p->token == STRING)
		parse_text(p, m->text);
}

/* The last one can't be a word: it is here for the message. */
static const char *const devices[] = {
	"serial", "pic", "pit", "rtc", "keyboard", "screen", "exit", "probe", "console",
	"entropy", "\"}\""
};

const char *vmfile_device_name(u32 bit)
{
	return bit < ARRAY_SIZE(devices) - 1 ? devices[bit] : NULL;
}

static u32 parse_devices(struct parser *p)
{
	u32 set = 0, bit;

	expect(p, OPEN, "\"{\"");
	while (!p->failed && p->token != CLOSE) {
		bit = find_word(p, devices, ARRAY_SIZE(devices));
		only_once(p, set & BIT(bit));
		set |= (u32)BIT(bit);
		next(p);
	}
	expect(p, CLOSE, "\"}\"");
	return set;
}

static enum vmfile_mode parse_mode(struct parser *p)
{
	static const char *const modes[] = { "real", "protected", "long" };
	u32 mode = find_word(p, modes, ARRAY_SIZE(modes));

	next(p);
	return (enum vmfile_mode)mode;
}

/* ---- Settings and VMs ----------------------------------------------------------------------- */

/* As in enum setting; the last one is for the message again. */
static const char *const settings[] = {
	"kernel", "cmdline", "module", "memory", "pool", "vcpus", "devices", "mode", "load",
	"args", "exits", "budget", "late", "rom", "disk", "net", "watch", "bare", "\"}\""
};
static_assert(ARRAY_SIZE(settings) == SETTINGS + 1, "a name for each setting");

/* What is at an address. */
static void parse_place(struct parser *p, struct vmfile_vm *vm, enum setting setting)
{
	u64 *at = setting == LATE ? &vm->late : setting == ROM ? &vm->rom_at : &vm->watch;

	if (setting == ROM)
		parse_name(p, vm->rom, "a file name");
	*at = parse_pages(p, 0, VMFILE_MAX_MEMORY, "an address up to 512G");
	if (setting == LATE)
		vm->late_size = parse_pages(p, KiB(4), MiB(16), "a size from 4K to 16M");
	else if (setting == WATCH)
		vm->watch_size = parse_pages(p, KiB(4), GiB(1), "a size from 4K to 1G");
}

static void parse_value(struct parser *p, struct vmfile_vm *vm, enum setting setting)
{
	switch (setting) {
	case KERNEL:
		parse_name(p, vm->kernel, "a file name");
		break;
	case CMDLINE:
		parse_text(p, vm->cmdline);
		break;
	case MODULE:
		parse_module(p, vm);
		break;
	case MEMORY:
		vm->memory = parse_pages(p, KiB(64), VMFILE_MAX_MEMORY, "a size from 64K to 512G");
		vm->lazy = parse_word(p, "lazy");
		break;
	case POOL:
		vm->pool = parse_number(p, 4, UINT64_MAX, "a number of pages, at least 4");
		break;
	case VCPUS:
		vm->vcpus = (u32)parse_number(p, 1, VMFILE_MAX_VCPUS, "1: more are not there yet");
		break;
	case DEVICES:
		vm->devices = parse_devices(p);
		break;
	case MODE:
		vm->moded = true;
		vm->mode = parse_mode(p);
		break;
	case LOAD:
		vm->flat = true;
		vm->load = parse_number(p, 0, VMFILE_MAX_MEMORY, "an address up to 512G");
		break;
	case ARGS:
		vm->args[0] = parse_number(p, 0, UINT64_MAX, "two numbers");
		vm->args[1] = parse_number(p, 0, UINT64_MAX, "a second number");
		break;
	case EXITS:
		vm->exits = parse_number(p, 1, UINT64_MAX, "a number of exits, at least 1");
		break;
	case BUDGET:
		vm->budget = parse_number(p, 1, UINT64_MAX, "a number of TSC ticks, at least 1");
		break;
	case LATE: case ROM: case WATCH:
		parse_place(p, vm, setting);
		break;
	case DISK:
		parse_disk(p, vm);
		break;
	case NET:
		parse_name(p, vm->net, "a switch's name");
		break;
	default:	/* BARE */
		vm->bare = true;
	}
}

static void parse_setting(struct parser *p, struct vmfile_vm *vm)
{
	u32 i = find_word(p, settings, ARRAY_SIZE(settings));

	if (p->failed)
		return;
	if (i == MODULE && vm->module_count == VMFILE_MAX_MODULES)
		fail(p, "at most 16 modules in a VM");
	if (i == DISK && vm->disks == VMFILE_MAX_DISKS)
		fail(p, "at most 2 disks in a VM");
	only_once(p, i != MODULE && i != DISK && p->given[i].line);
	p->given[i] = p->place;
	next(p);
	if (!p->failed)
		parse_value(p, vm, (enum setting)i);
}

/* What this setting puts at `at` must not be where memory is. */
static void check_above(struct parser *p, const struct vmfile_vm *vm, enum setting setting, u64 at)
{
	char expected[96], found[32];

	if (!p->given[setting].line || at >= vm->memory)
		return;
	snprintf(expected, sizeof(expected), "%s from 0x%lx on, the end of memory",
		 settings[setting], vm->memory);
	snprintf(found, sizeof(found), "0x%lx", at);
	fail_at(p, p->given[setting], expected, found);
}

/* What no setting can tell alone. */
static void check_vm(struct parser *p, const struct vmfile_vm *vm)
{
	static const enum setting not_bare[] = { DEVICES, LATE, DISK, NET };
	char expected[96], found[32];

	if (!vm->kernel[0])
		fail(p, "a kernel before the VM ends");
	if (vm->flat && vm->load >= vm->memory) {
		snprintf(expected, sizeof(expected), "load below 0x%lx, the end of memory",
			 vm->memory);
		snprintf(found, sizeof(found), "0x%lx", vm->load);
		fail_at(p, p->given[LOAD], expected, found);
	}
	check_above(p, vm, LATE, vm->late);
	check_above(p, vm, ROM, vm->rom_at);
	if (p->given[POOL].line && !vm->lazy)
		fail_at(p, p->given[POOL], "lazy memory in a VM with a pool", "none");
	if (p->given[WATCH].line && !vm->lazy)
		fail_at(p, p->given[WATCH], "lazy memory to watch", "none");
	if (vm->watch_size > vm->memory || vm->watch > vm->memory - vm->watch_size) {
		snprintf(expected, sizeof(expected), "watch below 0x%lx, the end of memory",
			 vm->memory);
		snprintf(found, sizeof(found), "0x%lx", vm->watch + vm->watch_size);
		fail_at(p, p->given[WATCH], expected, found);
	}
	for (u32 i = 0; vm->bare && i < ARRAY_SIZE(not_bare); i++) {
		if (p->given[not_bare[i]].line)
			fail_at(p, p->given[not_bare[i]], "nothing to emulate in a bare VM",
				settings[not_bare[i]]);
	}
}

static void parse_vm(struct parser *p, struct vmfile_vm *vms, u32 count)
{
	struct vmfile_vm *vm = &vms[count];

	memset(p->given, 0, sizeof(p->given));
	memset(vm, 0, sizeof(*vm));
	vm->memory = MiB(4);
	vm->vcpus = 1;
	vm->devices = VMFILE_PC_DEVICES;
	vm->mode = VMFILE_LONG;

	if (p->token != WORD || strcmp(p->word, "vm"))
		fail(p, "\"vm\"");
	next(p);
	for (u32 i = 0; p->token == STRING && i < count; i++) {
		if (!strcmp(vms[i].name, p->word))
			fail(p, "a name that no other VM has");
	}
	parse_name(p, vm->name, "a VM's name");
	expect(p, OPEN, "\"{\"");
	while (!p->failed && p->token != CLOSE)
		parse_setting(p, vm);
	check_vm(p, vm);
	if (vm->bare)
		vm->devices = 0;
	expect(p, CLOSE, "\"}\"");
}

int vmfile_parse(const char *text, u64 size, struct vmfile_vm *vms, u32 max,
		 struct vmfile_error *error)
{
	struct parser p = { .text = text, .size = size, .line = 1, .column = 1, .error = error };
	char limit[32];
	u32 count = 0;

	next(&p);
	do {
		if (count < max) {
			parse_vm(&p, vms, count++);
		} else {
			snprintf(limit, sizeof(limit), "at most %u VMs", max);
			fail(&p, limit);
		}
	} while (!p.failed && p.token != END);
	return p.failed ? -EINVAL : (int)count;
}
