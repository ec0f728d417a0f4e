/* lib/printf.c and lib/string.c: each conversion, and the same as the host's printf does. */
#include "lib/printf.h"
#include "lib/string.h"
#include "unit.h"

#define IS(expected, ...) \
	do { \
		char seen_[128]; \
		size_t n_ = snprintf(seen_, sizeof(seen_), __VA_ARGS__); \
		CHECK_TEXT(seen_, expected); \
		CHECK(n_ == strlen(expected)); \
	} while (0)

static void numbers(void)
{
	IS("0 -1 42", "%d %d %d", 0, -1, 42);
	IS("-2147483648", "%d", (int)0x80000000);
	IS("-9223372036854775808", "%ld", INT64_MIN);
	IS("4294967295", "%u", 0xffffffffu);
	IS("18446744073709551615", "%lu", ~0ul);
	IS("ff FF 0xff", "%x %X %#x", 255, 255, 255);
	IS("7f 80", "%hhx %hhx", 0x17f, 0x180);
	IS("127 -128 -32768", "%hhd %hhd %hd", 0x17f, 0x180, 0x18000);
	IS("ffff", "%hx", 0x1ffff);
	IS("  42|42  |0042", "%4d|%-4d|%04d", 42, 42, 42);
	IS("  -5|-005", "%4d|%04d", -5, -5);
	IS("0x00ff", "%#06x", 255);
	IS("   7", "%*d", 4, 7);
	IS("12", "%zu", (size_t)12);
	IS("0x1234", "%p", (void *)0x1234);
}

static void text(void)
{
	IS("abc", "%s", "abc");
	IS("  abc|abc  |ab", "%5s|%-5s|%.2s", "abc", "abc", "abc");
	IS("x%", "%c%%", 'x');
	IS("(null)", "%s", (char *)NULL);
}

static void limits(void)
{
	char small[4] = "###";

	CHECK(snprintf(small, sizeof(small), "%s", "abcdef") == 6);
	CHECK_TEXT(small, "abc");
	CHECK(snprintf(small, 1, "%d", 12345) == 5);
	CHECK_TEXT(small, "");
}

static void strings(void)
{
	char buf[8] = "0123456";

	CHECK(memcmp("abc", "abd", 3) < 0 && memcmp("b", "a", 1) > 0 && !memcmp("a", "b", 0));
	CHECK(!strcmp("", "") && strcmp("a", "") > 0 && strncmp("ab", "ac", 1) == 0);
	CHECK(strchr("abc", 'c') != NULL && !strchr("abc", 'd') && *strchr("abc", 0) == 0);
	CHECK(strrchr("a/b/c", '/')[1] == 'c' && !strrchr("abc", '/'));
	CHECK(strlcpy(buf, "abcdefghij", sizeof(buf)) == 7);
	CHECK_TEXT(buf, "abcdefg");
	memmove(buf + 1, buf, 6);
	CHECK_TEXT(buf, "aabcdef");
	memmove(buf, buf + 1, 6);
	CHECK(!memcmp(buf, "abcdef", 6));
	CHECK(strnlen("abc", 2) == 2 && strnlen("abc", 9) == 3);
}

int main(void)
{
	numbers();
	text();
	limits();
	strings();
	return UNIT_END();
}
