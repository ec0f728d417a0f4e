/* See vmfile.h. A scanner that yields words, strings, numbers and braces, and a parser over it. */
#include "load/vmfile.h"

#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"

enum token { END, WORD, STRING, NUMBER, OPEN, CLOSE, BAD };

struct parser {
	const char *text;
	u64 size, at;
	u32 line, column;

	enum token token;		/* the one in hand */
	u32 token_line, token_column;
	char word[VMFILE_NAME_MAX];	/* WORD, STRING: its text */
	u64 number;			/* NUMBER: its value */
	const char *bad;		/* BAD: what is wrong with it */

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
		if (c < ' ' || c > '~')
			return bad(p, "a string that does not end on its line");
		if (n == sizeof(p->word) - 1)
			return bad(p, "a string of more than 31 characters");
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
	p->token_line = p->line;
	p->token_column = p->column;
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
		if (n == sizeof(p->word) - 1)
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
static void fail(struct parser *p, const char *expected)
{
	char found[64];

	if (p->failed)
		return;
	p->failed = true;
	switch (p->token) {
	case END: strlcpy(found, "the end of the file", sizeof(found)); break;
	case WORD: snprintf(found, sizeof(found), "\"%s\"", p->word); break;
	case STRING: snprintf(found, sizeof(found), "the string \"%s\"", p->word); break;
	case NUMBER: snprintf(found, sizeof(found), "the number %lu", p->number); break;
	case OPEN: strlcpy(found, "\"{\"", sizeof(found)); break;
	case CLOSE: strlcpy(found, "\"}\"", sizeof(found)); break;
	default: strlcpy(found, p->bad, sizeof(found));
	}
	p->error->line = p->token_line;
	p->error->column = p->token_column;
	snprintf(p->error->message, sizeof(p->error->message), "expected %s, found %s", expected,
		 found);
}

static void expect(struct parser *p, enum token token, const char *what)
{
	if (p->token != token)
		fail(p, what);
	else
		next(p);
}

static void parse_string(struct parser *p, char *out, const char *what)
{
	if (p->token != STRING || !p->word[0]) {
		fail(p, what);
		return;
	}
	strlcpy(out, p->word, VMFILE_NAME_MAX);
	next(p);
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

static void parse_mode(struct parser *p, struct vmfile_vm *vm)
{
	static const char *const names[] = { "real", "protected", "long" };

	for (u32 i = 0; p->token == WORD && i < ARRAY_SIZE(names); i++) {
		if (!strcmp(p->word, names[i])) {
			vm->mode = (enum vmfile_mode)i;
			next(p);
			return;
		}
	}
	fail(p, "real, protected or long");
}

/* A number that is a multiple of a page's size. */
static u64 parse_pages(struct parser *p, u64 min, u64 max, const char *what)
{
	if (p->token == NUMBER && p->number % 4096)
		fail(p, "a multiple of 4K");
	return parse_number(p, min, max, what);
}

static void parse_memory(struct parser *p, struct vmfile_vm *vm)
{
	vm->memory = parse_pages(p, KiB(64), VMFILE_MAX_MEMORY, "a size from 64K to 512G");
}

static void parse_kernel(struct parser *p, struct vmfile_vm *vm)
{
	parse_string(p, vm->kernel, "a file name in quotes");
}

static void parse_load(struct parser *p, struct vmfile_vm *vm)
{
	vm->flat = true;
	vm->load = parse_number(p, 0, VMFILE_MAX_MEMORY, "an address");
}

static void parse_args(struct parser *p, struct vmfile_vm *vm)
{
	vm->args[0] = parse_number(p, 0, UINT64_MAX, "two numbers");
	vm->args[1] = parse_number(p, 0, UINT64_MAX, "a second number");
}

static void parse_exits(struct parser *p, struct vmfile_vm *vm)
{
	vm->exits = parse_number(p, 1, UINT64_MAX, "a number of exits, at least 1");
}

static void parse_budget(struct parser *p, struct vmfile_vm *vm)
{
	vm->budget = parse_number(p, 1, UINT64_MAX, "a number of TSC ticks, at least 1");
}

static void parse_late(struct parser *p, struct vmfile_vm *vm)
{
	vm->late = parse_pages(p, 0, VMFILE_MAX_MEMORY, "an address");
	vm->late_size = parse_pages(p, KiB(4), MiB(16), "a size from 4K to 16M");
}

static void parse_bare(struct parser *p, struct vmfile_vm *vm)
{
	vm->bare = true;
}

static const struct {
	const char *key;
	void (*parse)(struct parser *p, struct vmfile_vm *vm);
} settings[] = {
	{ "memory", parse_memory }, { "kernel", parse_kernel }, { "load", parse_load },
	{ "mode", parse_mode },	    { "args", parse_args },	{ "exits", parse_exits },
	{ "budget", parse_budget }, { "late", parse_late },	{ "bare", parse_bare },
};

static void parse_setting(struct parser *p, struct vmfile_vm *vm)
{
	for (u32 i = 0; p->token == WORD && i < ARRAY_SIZE(settings); i++) {
		if (!strcmp(p->word, settings[i].key)) {
			next(p);
			settings[i].parse(p, vm);
			return;
		}
	}
	fail(p, "memory, kernel, load, mode, args, exits, budget, late, bare or \"}\"");
}

static void parse_vm(struct parser *p, struct vmfile_vm *vms, u32 count)
{
	struct vmfile_vm *vm = &vms[count];

	*vm = (struct vmfile_vm){ .memory = MiB(4), .mode = VMFILE_LONG };
	if (p->token != WORD || strcmp(p->word, "vm")) {
		fail(p, "\"vm\"");
		return;
	}
	next(p);
	for (u32 i = 0; p->token == STRING && i < count; i++) {
		if (!strcmp(vms[i].name, p->word))
			fail(p, "a name that no other VM has");
	}
	parse_string(p, vm->name, "the VM's name in quotes");
	if (strchr(vm->name, ' '))
		fail(p, "a VM name without blanks before this");
	expect(p, OPEN, "\"{\"");
	while (!p->failed && p->token != CLOSE)
		parse_setting(p, vm);
	if (!p->failed && !vm->kernel[0])
		fail(p, "a kernel before the VM ends");
	expect(p, CLOSE, "\"}\"");
}

int vmfile_parse(const char *text, u64 size, struct vmfile_vm *vms, u32 max,
		 struct vmfile_error *error)
{
	struct parser p = { .text = text, .size = size, .line = 1, .column = 1, .error = error };
	u32 count = 0;

	next(&p);
	do {
		if (count == max)
			fail(&p, "no more VMs: that is the limit");
		else
			parse_vm(&p, vms, count++);
	} while (!p.failed && p.token != END);
	return p.failed ? -EINVAL : (int)count;
}
