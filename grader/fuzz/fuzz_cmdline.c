/*
 * fuzz: Takes a command line apart. No word is empty or has a blank in it, none is lost; a file's
 *       name is the end of the first word, cut to its room.
 * covers: load/cmdline.c
 * size: 128
 */
#include "fuzz.h"
#include "load/cmdline.h"

static void check_words(char *line)
{
	char *copy = strdup(line), *rest = line, *word;
	const char *at = copy;

	while ((word = cmdline_next(&rest))) {
		MUST(word[0] && !strchr(word, ' '));
		at += strspn(at, " ");
		MUST(!strncmp(at, word, strlen(word)));
		at += strlen(word);
	}
	MUST(strspn(at, " ") == strlen(at));
	MUST(!cmdline_next(&rest));
	free(copy);
}

static void check_file(const char *line, size_t room)
{
	char *name = malloc(room);

	cmdline_file(line, name, room);
	MUST(strnlen(name, room) < room);
	MUST(!strchr(name, ' ') && !strchr(name, '/'));
	MUST(strstr(line, name));
	free(name);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	char *line = malloc(size + 1);

	memcpy(line, data, size);
	line[size] = '\0';
	check_file(line, 1 + size % 40);
	check_words(line);
	free(line);
	return 0;
}
