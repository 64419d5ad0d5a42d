/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <lib/errno.h>
#include <lib/kstrto.h>
#include <lib/string.h>

static unsigned int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned int)(c - '0');
	if (c >= 'a' && c <= 'z')
		return (unsigned int)(c - 'a') + 10;
	if (c >= 'A' && c <= 'Z')
		return (unsigned int)(c - 'A') + 10;
	return ~0u;
}

int parse_u64(const char *s, unsigned int base, u64 *out, const char **end)
{
	u64 v = 0;
	bool overflow = false;

	if ((base == 0 || base == 16) && s[0] == '0' &&
	    (s[1] == 'x' || s[1] == 'X') && digit_value(s[2]) < 16) {
		s += 2;
		base = 16;
	} else if (base == 0) {
		base = s[0] == '0' ? 8 : 10;
	}
	if (digit_value(*s) >= base)
		return -EINVAL;
	for (; digit_value(*s) < base; s++) {
		overflow |= __builtin_mul_overflow(v, (u64)base, &v);
		overflow |= __builtin_add_overflow(v, digit_value(*s), &v);
	}
	*end = s;
	if (overflow)
		return -ERANGE;
	*out = v;
	return 0;
}

int kstrtou64(const char *s, unsigned int base, u64 *out)
{
	const char *end;
	u64 v;
	int rc = parse_u64(s, base, &v, &end);

	if (rc)
		return rc;
	if (*end)
		return -EINVAL;
	*out = v;
	return 0;
}

int kstrtou32(const char *s, unsigned int base, u32 *out)
{
	u64 v;
	int rc = kstrtou64(s, base, &v);

	if (rc)
		return rc;
	if (v > UINT32_MAX)
		return -ERANGE;
	*out = (u32)v;
	return 0;
}

int kstrtos64(const char *s, unsigned int base, s64 *out)
{
	bool negative = *s == '-';
	u64 v;
	int rc = kstrtou64(s + (negative || *s == '+'), base, &v);

	if (rc)
		return rc;
	if (v > (u64)INT64_MAX + negative)
		return -ERANGE;
	*out = (s64)(negative ? 0 - v : v);
	return 0;
}

int kstrtosize(const char *s, u64 *out, const char **end)
{
	static const char units[] = "KMGT";
	const char *p, *unit;
	unsigned int shift = 0;
	u64 v;
	int rc = parse_u64(s, 0, &v, &p);

	if (rc)
		return rc;
	unit = *p ? strchr(units, *p >= 'a' ? *p - 'a' + 'A' : *p) : NULL;
	if (unit) {
		shift = 10 * ((unsigned int)(unit - units) + 1);
		p++;
	}
	if (v << shift >> shift != v)
		return -ERANGE;
	if (end)
		*end = p;
	else if (*p)
		return -EINVAL;
	*out = v << shift;
	return 0;
}

int kstrtobool(const char *s, bool *out)
{
	static const char *const words[2][4] = {
		{"0", "n", "no", "off"},
		{"1", "y", "yes", "on"},
	};

	for (int v = 0; v < 2; v++) {
		for (int i = 0; i < 4; i++) {
			if (!strcmp(s, words[v][i])) {
				*out = v;
				return 0;
			}
		}
		if (!strcmp(s, v ? "true" : "false")) {
			*out = v;
			return 0;
		}
	}
	return -EINVAL;
}
