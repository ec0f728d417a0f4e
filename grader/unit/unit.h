/*
 * Unit tests of the pure folders, on the host, under AddressSanitizer and UBSan. A test is a
 * program; it prints what is wrong and ends with 1.
 */
#ifndef UNIT_H
#define UNIT_H


static int unit_failures;

#define CHECK(condition) \
	do { \
		if (!(condition)) { \
			printf("%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
			unit_failures++; \
		} \
	} while (0)

#define CHECK_TEXT(seen, expected) \
	do { \
		if (strcmp(seen, expected)) { \
			printf("%s:%d: expected \"%s\"\n  seen \"%s\"\n", __FILE__, __LINE__, \
			       expected, seen); \
			unit_failures++; \
		} \
	} while (0)

#define UNIT_END() (unit_failures ? 1 : 0)

#endif
