/* See cmdline.h. */
#include "load/cmdline.h"

char *cmdline_next(char **rest)
{
	char *word = *rest, *end;

	while (*word == ' ')
		word++;
	end = word;
	while (*end && *end != ' ')
		end++;
	*rest = end;
	if (end == word)
		return NULL;
	if (*end)
		*(*rest)++ = '\0';
	return word;
}

void cmdline_file(const char *string, char *name, u64 size)
{
	const char *start = string;
	u64 n = 0;

	for (; *string && *string != ' '; string++) {
		if (*string == '/')
			start = string + 1;
	}
	for (; start + n < string && n < size - 1; n++)
		name[n] = start[n];
	name[n] = '\0';
}
