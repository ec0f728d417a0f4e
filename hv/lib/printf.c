/* See printf.h. One pass over the format; each conversion becomes a prefix, digits and padding. */
#include "lib/printf.h"

#include "lib/string.h"

struct spec {
	bool left, zero, alt;	/* the flags - 0 # */
	int width;
	int precision;		/* -1: none was given */
	int length;		/* bytes of the argument: 1 2 4 8 */
};

struct out {
	format_put put;
	void *ctx;
	size_t n;
};

static void put(struct out *o, char c)
{
	o->put(o->ctx, c);
	o->n++;
}

static void pad(struct out *o, char c, int n)
{
	while (n-- > 0)
		put(o, c);
}

static void put_text(struct out *o, const struct spec *s, const char *text)
{
	size_t max = s->precision < 0 ? SIZE_MAX : (size_t)s->precision;
	int n = (int)strnlen(text ? text : (text = "(null)"), max);

	pad(o, ' ', s->left ? 0 : s->width - n);
	for (int i = 0; i < n; i++)
		put(o, text[i]);	/* NOLINT: clang-tidy does not know our strnlen() */
	pad(o, ' ', s->left ? s->width - n : 0);
}

static void put_number(struct out *o, const struct spec *s, u64 value, const char *prefix,
		       unsigned int base, const char *digits)
{
	char buf[20];
	int n = 0, width = s->width - (int)strlen(prefix);

	do {
		buf[n++] = digits[value % base];
		value /= base;
	} while (value);

	if (!s->left && !s->zero)
		pad(o, ' ', width - n);
	while (*prefix)
		put(o, *prefix++);
	if (s->zero && !s->left)
		pad(o, '0', width - n);
	for (int i = n; i > 0; i--)
		put(o, buf[i - 1]);
	if (s->left)
		pad(o, ' ', width - n);
}

/* The next argument as 64 bits. All that is shorter than a long travels as an int. */
#define NEXT_SIGNED(s, ap)   ((s)->length == 8 ? va_arg(ap, s64) : (s64)va_arg(ap, int))
#define NEXT_UNSIGNED(s, ap) ((s)->length == 8 ? va_arg(ap, u64) : (u64)va_arg(ap, unsigned int))

static int number_or_star(const char **fmt, va_list *ap)
{
	int n = 0;

	if (**fmt == '*') {
		(*fmt)++;
		return va_arg(*ap, int);
	}
	while (**fmt >= '0' && **fmt <= '9')
		n = n * 10 + (*(*fmt)++ - '0');
	return n;
}

static const char *parse_spec(struct spec *s, const char *fmt, va_list *ap)
{
	*s = (struct spec){ .precision = -1, .length = 4 };
	for (;; fmt++) {
		if (*fmt == '-')
			s->left = true;
		else if (*fmt == '0')
			s->zero = true;
		else if (*fmt == '#')
			s->alt = true;
		else
			break;
	}
	s->width = number_or_star(&fmt, ap);
	if (*fmt == '.') {
		fmt++;
		s->precision = number_or_star(&fmt, ap);
	}
	for (;; fmt++) {
		if (*fmt == 'h')
			s->length /= 2;
		else if (*fmt == 'l' || *fmt == 'z')
			s->length = 8;
		else
			return fmt;
	}
}

static void convert(struct out *o, const struct spec *s, char conversion, va_list *ap)
{
	static const char lower[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";
	u64 mask = s->length >= 4 ? ~0ull : BIT(8 * s->length) - 1;
	int above = 64 - 8 * s->length;		/* bits of 64 that the number has not */
	s64 number;

	switch (conversion) {
	case 'd':
	case 'i':
		number = (s64)((u64)NEXT_SIGNED(s, *ap) << above) >> above;
		put_number(o, s, number < 0 ? -(u64)number : (u64)number, number < 0 ? "-" : "",
			   10, lower);
		break;
	case 'u':
		put_number(o, s, NEXT_UNSIGNED(s, *ap) & mask, "", 10, lower);
		break;
	case 'x':
	case 'X':
		put_number(o, s, NEXT_UNSIGNED(s, *ap) & mask, s->alt ? "0x" : "", 16,
			   conversion == 'x' ? lower : upper);
		break;
	case 'p':
		put_number(o, s, (u64)va_arg(*ap, void *), "0x", 16, lower);
		break;
	case 'c':
		put_text(o, s, (char[]){ (char)va_arg(*ap, int), '\0' });
		break;
	case 's':
		put_text(o, s, va_arg(*ap, const char *));
		break;
	default:
		put(o, '%');
		if (conversion != '%')
			put(o, conversion);
	}
}

size_t vformat(format_put putter, void *ctx, const char *fmt, va_list ap)
{
	struct out o = { .put = putter, .ctx = ctx };
	struct spec s;
	va_list args;

	va_copy(args, ap);
	while (*fmt) {
		if (*fmt != '%') {
			put(&o, *fmt++);
			continue;
		}
		fmt = parse_spec(&s, fmt + 1, &args);
		if (!*fmt)
			break;
		convert(&o, &s, *fmt++, &args);
	}
	va_end(args);
	return o.n;
}

struct buffer {
	char *at, *last;	/* `last` is kept for the terminator */
};

static void buffer_put(void *ctx, char c)
{
	struct buffer *b = ctx;

	if (b->at < b->last)
		*b->at++ = c;
}

size_t vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct buffer b = { .at = buf, .last = buf + size - 1 };
	size_t n = vformat(buffer_put, &b, fmt, ap);

	*b.at = '\0';
	return n;
}

size_t snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	n = vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}
