/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Formatted output.  One pass over the format; a spec struct holds what the
 * text between '%' and the conversion letter said.
 */
#include <lib/minmax.h>
#include <lib/printf.h>
#include <lib/string.h>

struct out {
	char *buf;
	size_t size; /* of buf */
	size_t len;  /* that the whole output needs so far */
};

struct spec {
	bool left, zero, plus, space, alt;
	int width;
	int precision; /* -1: not given */
	int length;    /* bytes of the integer argument */
	bool is_signed;
};

static void out_char(struct out *o, char c)
{
	if (o->len < o->size)
		o->buf[o->len] = c;
	o->len++;
}

static void out_pad(struct out *o, char c, int n)
{
	while (n-- > 0)
		out_char(o, c);
}

static void out_text(struct out *o, const struct spec *s, const char *text,
		     size_t n)
{
	int pad = s->width - (int)min(n, 0x7ffffffful);

	if (!s->left)
		out_pad(o, ' ', pad);
	for (size_t i = 0; i < n; i++)
		out_char(o, text[i]);
	if (s->left)
		out_pad(o, ' ', pad);
}

static void out_number(struct out *o, const struct spec *s, u64 v,
		       unsigned int base, bool upper, bool negative)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char text[24], prefix[3];
	int n = 0, nr_prefix = 0;
	int zeros, pad;

	if (negative)
		prefix[nr_prefix++] = '-';
	else if (s->is_signed && s->plus)
		prefix[nr_prefix++] = '+';
	else if (s->is_signed && s->space)
		prefix[nr_prefix++] = ' ';
	if (s->alt && base == 16 && v) {
		prefix[nr_prefix++] = '0';
		prefix[nr_prefix++] = upper ? 'X' : 'x';
	}
	for (u64 rest = v; rest; rest /= base)
		text[n++] = digits[rest % base];
	if (!v && s->precision != 0)
		text[n++] = '0';

	zeros = max(s->precision - n, 0);
	if (s->alt && base == 8 && !zeros && !(n && text[n - 1] == '0'))
		zeros = 1;
	pad = s->width - nr_prefix - zeros - n;
	if (s->zero && !s->left && s->precision < 0 && pad > 0) {
		zeros += pad;
		pad = 0;
	}
	if (!s->left)
		out_pad(o, ' ', pad);
	for (int i = 0; i < nr_prefix; i++)
		out_char(o, prefix[i]);
	out_pad(o, '0', zeros);
	while (n)
		out_char(o, text[--n]);
	if (s->left)
		out_pad(o, ' ', pad);
}

static const char *parse_number(const char *fmt, int *v)
{
	for (*v = 0; *fmt >= '0' && *fmt <= '9'; fmt++)
		*v = min(*v * 10 + (*fmt - '0'), 65536);
	return fmt;
}

static const char *parse_flags(const char *fmt, struct spec *s)
{
	for (;; fmt++) {
		switch (*fmt) {
		case '-':
			s->left = true;
			break;
		case '0':
			s->zero = true;
			break;
		case '+':
			s->plus = true;
			break;
		case ' ':
			s->space = true;
			break;
		case '#':
			s->alt = true;
			break;
		default:
			return fmt;
		}
	}
}

static const char *parse_length(const char *fmt, struct spec *s)
{
	switch (*fmt) {
	case 'h':
		s->length = fmt[1] == 'h' ? 1 : 2;
		return fmt + (fmt[1] == 'h' ? 2 : 1);
	case 'l':
		s->length = 8;
		return fmt + (fmt[1] == 'l' ? 2 : 1);
	case 'z':
	case 't':
	case 'j':
		s->length = 8;
		return fmt + 1;
	default:
		s->length = 4;
		return fmt;
	}
}

/* Cut an argument that was passed as a whole register to its length. */
static u64 cut_unsigned(u64 v, int length)
{
	return length == 8 ? v : v & ((1ul << (length * 8)) - 1);
}

static s64 cut_signed(u64 v, int length)
{
	int unused_bits = 64 - length * 8;

	return (s64)(v << unused_bits) >> unused_bits;
}

static void out_signed(struct out *o, struct spec *s, s64 v)
{
	s->is_signed = true;
	out_number(o, s, v < 0 ? 0 - (u64)v : (u64)v, 10, false, v < 0);
}

static void out_string(struct out *o, const struct spec *s, const char *text)
{
	if (!text)
		text = "(null)";
	out_text(o, s, text,
		 s->precision < 0 ? strlen(text)
				  : strnlen(text, (size_t)s->precision));
}

static void format(struct out *o, const char *fmt, va_list ap)
{
	while (*fmt) {
		struct spec s = {.precision = -1};
		u64 v;
		char c;

		if (*fmt != '%') {
			out_char(o, *fmt++);
			continue;
		}
		fmt = parse_flags(fmt + 1, &s);
		if (*fmt == '*') {
			s.width = va_arg(ap, int);
			s.left |= s.width < 0;
			s.width = s.width < 0 ? -s.width : s.width;
			fmt++;
		} else {
			fmt = parse_number(fmt, &s.width);
		}
		if (*fmt == '.' && fmt[1] == '*') {
			s.precision = va_arg(ap, int);
			fmt += 2;
		} else if (*fmt == '.') {
			fmt = parse_number(fmt + 1, &s.precision);
		}
		fmt = parse_length(fmt, &s);
		if (!*fmt)
			return;
		switch (*fmt++) {
		case 'd':
		case 'i':
			v = s.length == 8 ? va_arg(ap, u64)
					  : (u64)va_arg(ap, int);
			out_signed(o, &s, cut_signed(v, s.length));
			break;
		case 'u':
		case 'x':
		case 'X':
		case 'o':
			v = s.length == 8 ? va_arg(ap, u64)
					  : va_arg(ap, unsigned int);
			c = fmt[-1];
			out_number(o, &s, cut_unsigned(v, s.length),
				   c == 'u'   ? 10
				   : c == 'o' ? 8
					      : 16,
				   c == 'X', false);
			break;
		case 'p':
			s.alt = true;
			out_number(o, &s, (u64)va_arg(ap, void *), 16, false,
				   false);
			break;
		case 'c':
			c = (char)va_arg(ap, int);
			out_text(o, &s, &c, 1);
			break;
		case 's':
			out_string(o, &s, va_arg(ap, const char *));
			break;
		case '%':
			out_char(o, '%');
			break;
		default: /* unknown: show it */
			out_char(o, '%');
			out_char(o, fmt[-1]);
		}
	}
}

static size_t format_to(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct out o = {.buf = buf, .size = size};

	format(&o, fmt, ap);
	if (size)
		buf[min(o.len, size - 1)] = 0;
	return o.len;
}

int vscnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	size_t n = format_to(buf, size, fmt, ap);

	return size ? (int)min(n, size - 1) : 0;
}

int scnprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vscnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}

#ifndef BRICK_HOST
int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	return (int)format_to(buf, size, fmt, ap);
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = (int)format_to(buf, size, fmt, ap);
	va_end(ap);
	return n;
}
#endif
