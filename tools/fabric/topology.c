/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "topology.h"
#include "orders.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct reader {
	struct topology *topology;
	struct card_plan *card; /* of the section, or NULL before the first */
	struct port_plan *port;
	const char *path;
	unsigned int line;
	char *error;
	size_t error_bytes;
};

static bool fail(struct reader *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static bool fail(struct reader *r, const char *fmt, ...)
{
	char text[160];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (r->line)
		snprintf(r->error, r->error_bytes, "%s:%u: %s", r->path,
			 r->line, text);
	else
		snprintf(r->error, r->error_bytes, "%s: %s", r->path, text);
	return false;
}

struct name_code {
	const char *name;
	u8 code;
};

static bool find_code(const struct name_code *codes, size_t nr,
		      const char *name, u8 *code)
{
	for (size_t i = 0; i < nr; i++) {
		if (strcmp(codes[i].name, name))
			continue;
		*code = codes[i].code;
		return true;
	}
	return false;
}

static bool set_guid(struct card_plan *plan, char *value)
{
	return parse_number(value, UINT64_MAX - 4, &plan->guid) && plan->guid;
}

static bool set_description(struct card_plan *plan, char *value)
{
	if (!*value || strlen(value) >= sizeof(plan->description))
		return false;
	strcpy(plan->description, value);
	return true;
}

static bool set_socket(struct card_plan *plan, char *value)
{
	if (!*value || strlen(value) >= sizeof(plan->socket))
		return false;
	strcpy(plan->socket, value);
	return true;
}

static bool set_width(struct port_plan *plan, char *value)
{
	static const struct name_code codes[] = {{"1x", 1}, {"4x", 2}};

	return find_code(codes, ARRAY_LEN(codes), value, &plan->width);
}

static bool set_speed(struct port_plan *plan, char *value)
{
	static const struct name_code codes[] = {
		{"sdr", 1}, {"ddr", 2}, {"qdr", 4}};

	return find_code(codes, ARRAY_LEN(codes), value, &plan->speed);
}

static bool set_pkeys(struct port_plan *plan, char *value)
{
	char *rest;

	for (char *word = strtok_r(value, " \t,", &rest); word;
	     word = strtok_r(NULL, " \t,", &rest)) {
		u64 pkey;

		if (plan->nr_pkeys == PLAN_MAX_PKEYS ||
		    !parse_number(word, 0xffff, &pkey) || !(pkey & 0x7fff))
			return false;
		plan->pkeys[plan->nr_pkeys++] = (u16)pkey;
	}
	return plan->nr_pkeys;
}

static bool set_link(struct port_plan *plan, char *value)
{
	plan->faults.is_cut = !strcmp(value, "down");
	return plan->faults.is_cut || !strcmp(value, "up");
}

static bool set_drop(struct port_plan *plan, char *value)
{
	return parse_rate(value, &plan->faults.drop_rate);
}

static bool set_corrupt(struct port_plan *plan, char *value)
{
	return parse_rate(value, &plan->faults.corrupt_rate);
}

static bool set_delay(struct port_plan *plan, char *value)
{
	return parse_time_ns(value, &plan->faults.delay_ns);
}

/* A key is of the card, in the section of its first port, or of any port. */
static const struct {
	const char *name, *wants;
	bool (*set_card)(struct card_plan *plan, char *value);
	bool (*set_port)(struct port_plan *plan, char *value);
} keys[] = {
	{"guid", "a number of 64 bits", set_guid, NULL},
	{"description", "1 to 63 characters", set_description, NULL},
	{"socket", "1 to 107 characters", set_socket, NULL},
	{"width", "1x or 4x", NULL, set_width},
	{"speed", "sdr, ddr or qdr", NULL, set_speed},
	{"pkeys", "1 to 16 numbers of 16 bits", NULL, set_pkeys},
	{"link", "down or up", NULL, set_link},
	{"drop", "a rate: 0 to 1, or a percentage", NULL, set_drop},
	{"corrupt", "a rate: 0 to 1, or a percentage", NULL, set_corrupt},
	{"delay", "a time: 50us, 1ms, up to 10s", NULL, set_delay},
};

static char *trim(char *s)
{
	char *end;

	while (isspace((unsigned char)*s))
		s++;
	end = s + strlen(s);
	while (end > s && isspace((unsigned char)end[-1]))
		end--;
	*end = '\0';
	return s;
}

/* "[port N]" or "[port N:P]", and nothing behind it. */
static bool parse_section(const char *line, unsigned int *number,
			  unsigned int *on_card)
{
	int end = 0;

	*on_card = 1;
	if (sscanf(line, "[port %2u]%n", number, &end) == 1 && end)
		return !line[end];
	return sscanf(line, "[port %2u:%2u]%n", number, on_card, &end) == 2 &&
	       end && !line[end];
}

static bool begin_section(struct reader *r, const char *line)
{
	unsigned int number = 0, on_card;

	if (!parse_section(line, &number, &on_card))
		return fail(r, "a section is [port NUMBER] or [port NUMBER:2]");
	if (!number || number > TOPOLOGY_MAX_PORTS)
		return fail(r, "ports are 1 to %d", TOPOLOGY_MAX_PORTS);
	if (!on_card || on_card > CARD_MAX_PORTS)
		return fail(r, "a card has port 1 and perhaps 2");
	r->card = &r->topology->cards[number - 1];
	r->port = &r->card->ports[on_card - 1];
	if (r->port->is_given)
		return fail(r, "a second %s", line);
	r->port->is_given = true;
	if (number > r->topology->nr_cards)
		r->topology->nr_cards = number;
	return true;
}

static bool set_key(struct reader *r, const char *name, char *value)
{
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (strcmp(keys[i].name, name))
			continue;
		if (keys[i].set_card && r->port != &r->card->ports[0])
			return fail(r, "%s is the card's: say it of port 1",
				    name);
		if (r->port->seen & 1u << i)
			return fail(r, "%s is given twice", name);
		r->port->seen |= 1u << i;
		return (keys[i].set_card ? keys[i].set_card(r->card, value)
					 : keys[i].set_port(r->port, value)) ||
		       fail(r, "%s wants %s", name, keys[i].wants);
	}
	return fail(r, "no key \"%s\"", name);
}

static bool take_line(struct reader *r, char *line)
{
	char *text = trim(line), *equals;

	if (!*text || *text == '#')
		return true;
	if (*text == '[')
		return begin_section(r, text);
	equals = strchr(text, '=');
	if (!equals)
		return fail(r, "neither [port NUMBER] nor KEY = VALUE");
	if (!r->port)
		return fail(r, "a key before the first [port NUMBER]");
	*equals = '\0';
	return set_key(r, trim(text), trim(equals + 1));
}

unsigned int card_plan_nr_ports(const struct card_plan *plan)
{
	return plan->ports[1].is_given ? 2 : 1;
}

unsigned int topology_nr_ports(const struct topology *topology)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < topology->nr_cards; i++)
		nr += card_plan_nr_ports(&topology->cards[i]);
	return nr;
}

/* All cards are there, and no two nodes' GUIDs (four each) are the same. */
static bool check(struct reader *r)
{
	struct topology *t = r->topology;

	r->line = 0;
	if (!t->nr_cards)
		return fail(r, "no [port 1]");
	for (unsigned int i = 0; i < t->nr_cards; i++) {
		u64 guid = t->cards[i].guid;

		if (t->cards[i].ports[1].is_given &&
		    !t->cards[i].ports[0].is_given)
			return fail(r, "no [port %u], but a [port %u:2]", i + 1,
				    i + 1);
		if (!t->cards[i].ports[0].is_given)
			return fail(r, "no [port %u], but a [port %u]", i + 1,
				    t->nr_cards);
		for (unsigned int j = 0; guid && j < i; j++)
			if (t->cards[j].guid && t->cards[j].guid < guid + 4 &&
			    guid < t->cards[j].guid + 4)
				return fail(r, "ports %u and %u have one guid",
					    j + 1, i + 1);
	}
	return topology_nr_ports(t) <= TOPOLOGY_MAX_PORTS ||
	       fail(r, "the cards have more than %d ports", TOPOLOGY_MAX_PORTS);
}

bool topology_read(struct topology *topology, const char *path, char *error,
		   size_t error_bytes)
{
	struct reader r = {
		.topology = topology,
		.path = path,
		.error = error,
		.error_bytes = error_bytes,
	};
	FILE *f = fopen(path, "re");
	char line[256];
	bool is_good = true;

	if (!f)
		return fail(&r, "%s", strerror(errno));
	while (is_good && fgets(line, sizeof(line), f)) {
		r.line++;
		if (strlen(line) == sizeof(line) - 1)
			is_good = fail(&r, "the line is too long");
		else
			is_good = take_line(&r, line);
	}
	if (is_good && ferror(f))
		is_good = fail(&r, "%s", strerror(errno));
	fclose(f);
	return is_good && check(&r);
}
