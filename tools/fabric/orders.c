/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "orders.h"
#include "cmd.h"
#include "fabric.h"
#include "log.h"
#include "report.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_WORDS = 6 };

struct order_call {
	struct fabric *fabric;
	FILE *out;
	const char *words[MAX_WORDS];
	unsigned int nr_words;
	struct report_range ports; /* if the order takes some */
	struct card *card;         /* if it takes a node */
	bool is_question;          /* changes nothing: not worth a log line */
	char error[160];
};

/* What an order's first argument says. */
enum order_ports {
	PORTS_NONE,
	PORTS_NODE,  /* a card */
	PORTS_SOME,  /* a card's, one of them, or "all" */
	PORTS_MAYBE, /* likewise, or nothing for all */
};

struct order {
	const char *name, *arguments, *help;
	enum order_ports ports;
	unsigned int min_words, max_words; /* with the name */
	bool (*run)(struct order_call *call);
};

static bool refuse(struct order_call *call, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static bool refuse(struct order_call *call, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(call->error, sizeof(call->error), fmt, args);
	va_end(args);
	return false;
}

bool parse_number(const char *word, u64 max, u64 *number)
{
	bool is_hex = word[0] == '0' && (word[1] == 'x' || word[1] == 'X');
	unsigned long long n;
	char *end;

	if (!isdigit((unsigned char)word[0]))
		return false;
	errno = 0;
	n = strtoull(word, &end, is_hex ? 16 : 10);
	if (errno || *end || n > max)
		return false;
	*number = n;
	return true;
}

/* Digits and at most one point: strtod() knows more than we want to. */
static bool parse_decimal(const char *word, double *value, const char **end)
{
	size_t length = strspn(word, "0123456789.");
	char digits[24];
	char *stop;

	if (!length || length >= sizeof(digits))
		return false;
	memcpy(digits, word, length);
	digits[length] = '\0';
	*value = strtod(digits, &stop);
	*end = word + length;
	return !*stop && strcmp(digits, ".");
}

bool parse_rate(const char *word, double *rate)
{
	const char *end;
	double value;

	if (!parse_decimal(word, &value, &end))
		return false;
	if (!strcmp(end, "%"))
		value /= 100;
	else if (*end)
		return false;
	if (value > 1)
		return false;
	*rate = value;
	return true;
}

bool parse_time_ns(const char *word, u64 *ns)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};
	const double max_ns = 10e9;
	const char *end;
	double value;

	if (!parse_decimal(word, &value, &end))
		return false;
	if (!*end && value == 0) {
		*ns = 0;
		return true;
	}
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (strcmp(end, units[i].unit) || value * units[i].ns > max_ns)
			continue;
		*ns = (u64)(value * units[i].ns);
		return true;
	}
	return false;
}

static struct link_faults *faults_of(struct order_call *call, unsigned int port)
{
	return &call->fabric->sw.ports[port].link.faults;
}

/* For each port of an order that takes some. */
#define FOR_EACH_PORT(port, call)                     \
	for (unsigned int port = (call)->ports.first; \
	     port <= (call)->ports.last; port++)

static bool do_link(struct order_call *call)
{
	struct fabric *fabric = call->fabric;
	bool is_cut = !strcmp(call->words[2], "down");

	if (!is_cut && strcmp(call->words[2], "up"))
		return refuse(call, "\"%s\": down or up?", call->words[2]);
	FOR_EACH_PORT(port, call)
	{
		faults_of(call, port)->is_cut = is_cut;
		switch_link_changed(&fabric->sw, fabric_port(fabric, port));
	}
	return true;
}

static bool get_rate(struct order_call *call, double *rate)
{
	return parse_rate(call->words[2], rate) ||
	       refuse(call, "\"%s\" is no rate: 0 to 1, or a percentage",
		      call->words[2]);
}

static bool do_drop(struct order_call *call)
{
	double rate;

	if (!get_rate(call, &rate))
		return false;
	FOR_EACH_PORT(port, call)
	faults_of(call, port)->drop_rate = rate;
	return true;
}

static bool do_corrupt(struct order_call *call)
{
	double rate;

	if (!get_rate(call, &rate))
		return false;
	FOR_EACH_PORT(port, call)
	faults_of(call, port)->corrupt_rate = rate;
	return true;
}

static bool do_delay(struct order_call *call)
{
	u64 ns;

	if (!parse_time_ns(call->words[2], &ns))
		return refuse(call,
			      "\"%s\" is no time: 50us, 1ms, up to 10s; 0",
			      call->words[2]);
	FOR_EACH_PORT(port, call)
	faults_of(call, port)->delay_ns = ns;
	return true;
}

static bool do_node(struct order_call *call)
{
	struct card *card = call->card;
	const char *what = call->words[2];

	if (strcmp(what, "pause") && strcmp(what, "resume") &&
	    strcmp(what, "kill"))
		return refuse(call, "\"%s\": pause, resume or kill?", what);
	if (card->server.connection.fd < 0)
		return refuse(call, "nothing is attached to port %u",
			      card->index + 1);
	if (!strcmp(what, "kill"))
		vfu_server_disconnect(&card->server);
	else
		card_pause(card, !strcmp(what, "pause"));
	return true;
}

/* The fault of this opcode, else a free one; NULL: all are used. */
static struct command_fault *find_fault(struct card *card, u16 opcode)
{
	struct command_fault *free_one = NULL;

	for (int i = 0; i < CARD_COMMAND_FAULTS; i++) {
		struct command_fault *fault = &card->command_faults[i];

		if (fault->status && fault->opcode == opcode)
			return fault;
		if (!fault->status)
			free_one = fault;
	}
	return free_one;
}

static bool do_fail_command(struct order_call *call)
{
	struct card *card = call->card;
	u64 number, status, count = FAIL_FOR_EVER;
	struct command_fault *fault;
	u16 opcode;

	if (parse_number(call->words[2], 0xfff, &number))
		opcode = (u16)number;
	else if (!cmd_find(call->words[2], &opcode))
		return refuse(call, "no command \"%s\": a name or 0 to 0xfff",
			      call->words[2]);
	if (!parse_number(call->words[3], 0xff, &status))
		return refuse(call, "no status \"%s\": 0 to 0xff",
			      call->words[3]);
	if (call->nr_words > 4 &&
	    (!parse_number(call->words[4], FAIL_FOR_EVER - 1, &count) ||
	     !count))
		return refuse(call, "\"%s\": how often?", call->words[4]);
	fault = find_fault(card, opcode);
	if (!fault)
		return refuse(call, "%d commands fail already",
			      CARD_COMMAND_FAULTS);
	*fault = (struct command_fault){opcode, (u8)status, (u32)count};
	return true;
}

static bool do_seed(struct order_call *call)
{
	u64 seed;

	if (!parse_number(call->words[1], UINT64_MAX, &seed))
		return refuse(call, "\"%s\" is no number", call->words[1]);
	switch_seed(&call->fabric->sw, seed);
	return true;
}

/* A last word --json is taken off. */
static bool takes_json(struct order_call *call)
{
	if (strcmp(call->words[call->nr_words - 1], "--json"))
		return false;
	call->nr_words--;
	return true;
}

static bool get_ports(struct order_call *call, enum order_ports kind);

static bool report(struct order_call *call,
		   void (*print)(const struct fabric *, struct report_range,
				 bool, FILE *))
{
	bool is_json = takes_json(call);

	if (call->nr_words > 2)
		return refuse(call, "one node or port, or none for all");
	if (!get_ports(call, PORTS_MAYBE))
		return false;
	call->is_question = true;
	print(call->fabric, call->ports, is_json, call->out);
	return true;
}

static bool do_status(struct order_call *call)
{
	return report(call, report_status);
}

static bool do_counters(struct order_call *call)
{
	return report(call, report_counters);
}

static bool do_help(struct order_call *call)
{
	call->is_question = true;
	orders_print_help(call->out);
	return true;
}

static const struct order orders[] = {
	{"status", "[NODE[:PORT]] [--json]", "the ports and who is attached",
	 PORTS_NONE, 1, 3, do_status},
	{"counters", "[NODE[:PORT]] [--json]",
	 "what the cards and links counted", PORTS_NONE, 1, 3, do_counters},
	{"link", "NODE[:PORT]|all down|up", "cut the cable, mend it",
	 PORTS_SOME, 3, 3, do_link},
	{"drop", "NODE[:PORT]|all RATE", "lose so many packets: 0.001, 0.1%",
	 PORTS_SOME, 3, 3, do_drop},
	{"corrupt", "NODE[:PORT]|all RATE", "damage so many packets",
	 PORTS_SOME, 3, 3, do_corrupt},
	{"delay", "NODE[:PORT]|all TIME", "each packet's, each way: 50us, 1ms",
	 PORTS_SOME, 3, 3, do_delay},
	{"node", "NODE pause|resume|kill",
	 "the machine stands still, goes on, is gone", PORTS_NODE, 3, 3,
	 do_node},
	{"fail-command", "NODE OPCODE STATUS [COUNT]",
	 "answer a firmware command so; 0: no more", PORTS_NODE, 4, 5,
	 do_fail_command},
	{"seed", "NUMBER", "begin chance anew, repeatably", PORTS_NONE, 2, 2,
	 do_seed},
	{"help", "", "this", PORTS_NONE, 1, 1, do_help},
};

void orders_print_help(FILE *out)
{
	for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
		char form[64];

		snprintf(form, sizeof(form), "%s %s", orders[i].name,
			 orders[i].arguments);
		fprintf(out, "  %-39s %s\n", form, orders[i].help);
	}
}

static bool get_card(struct order_call *call, const char *word)
{
	struct fabric *fabric = call->fabric;
	u64 number;

	if (!parse_number(word, fabric->nr_cards, &number) || !number)
		return refuse(call, "no port %s: 1 to %u", word,
			      fabric->nr_cards);
	call->card = &fabric->cards[number - 1];
	return true;
}

/* "2" is all ports of card 2, "2:1" its first. */
static bool get_port(struct order_call *call, const char *word)
{
	size_t node_bytes = strcspn(word, ":");
	unsigned int nr_ports;
	char node[24];
	u64 number;

	snprintf(node, sizeof(node), "%.*s", (int)node_bytes, word);
	if (node_bytes >= sizeof(node) || !word[node_bytes])
		snprintf(node, sizeof(node), "%s", word);
	if (!get_card(call, node))
		return false;
	nr_ports = call->card->nr_ports;
	call->ports.first = call->card->ports[0].uplink;
	call->ports.last = call->card->ports[nr_ports - 1].uplink;
	if (!word[node_bytes])
		return true;
	if (!parse_number(word + node_bytes + 1, nr_ports, &number) || !number)
		return refuse(call, "no port %s: node %s has %u", word, node,
			      nr_ports);
	call->ports.first = call->card->ports[number - 1].uplink;
	call->ports.last = call->ports.first;
	return true;
}

static bool get_ports(struct order_call *call, enum order_ports kind)
{
	const char *word = call->nr_words > 1 ? call->words[1] : NULL;

	call->ports = (struct report_range){1, call->fabric->nr_ports};
	if (kind == PORTS_NONE || (kind == PORTS_MAYBE && !word))
		return true;
	if (kind == PORTS_NODE)
		return get_card(call, word);
	return !strcmp(word, "all") || get_port(call, word);
}

/* Into words, in place.  False: too many. */
static bool split(struct order_call *call, char *line)
{
	char *rest;

	for (char *word = strtok_r(line, " \t", &rest); word;
	     word = strtok_r(NULL, " \t", &rest)) {
		if (call->nr_words == MAX_WORDS)
			return false;
		call->words[call->nr_words++] = word;
	}
	return true;
}

static bool is_printable(const char *line)
{
	for (; *line; line++)
		if (*line != '\t' && (*line < ' ' || *line > '~'))
			return false;
	return true;
}

static bool run(struct order_call *call, char *line)
{
	if (!is_printable(line))
		return refuse(call, "an order is a line of ASCII text");
	if (!split(call, line))
		return refuse(call, "too many words");
	if (!call->nr_words)
		return refuse(call, "no order; try help");
	for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
		const struct order *order = &orders[i];

		if (strcmp(order->name, call->words[0]))
			continue;
		if (call->nr_words < order->min_words ||
		    call->nr_words > order->max_words)
			return refuse(call, "usage: %s %s", order->name,
				      order->arguments);
		return get_ports(call, order->ports) && order->run(call);
	}
	return refuse(call, "no order \"%.40s\"; try help", call->words[0]);
}

bool orders_execute(struct fabric *fabric, const char *line, FILE *out)
{
	struct order_call call = {.fabric = fabric, .out = out};
	char copy[ORDER_MAX_BYTES];
	bool is_ok;

	if (strlen(line) >= sizeof(copy))
		is_ok = refuse(&call, "the order is too long");
	else
		is_ok = run(&call, strcpy(copy, line));
	if (is_ok)
		fputs("OK\n", out);
	else
		fprintf(out, "ERR %s\n", call.error);
	if (is_printable(line) && !call.is_question)
		log_info("control", "%s: %s", line, is_ok ? "OK" : call.error);
	return is_ok;
}
