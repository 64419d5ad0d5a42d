/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "report.h"
#include "fabric.h"
#include "stats.h"

#include <inttypes.h>
#include <string.h>

static const char *state_name(const struct port *port)
{
	switch (port_state(port)) {
	case PORT_INIT:
		return "init";
	case PORT_ARMED:
		return "armed";
	case PORT_ACTIVE:
		return "active";
	default:
		return "down";
	}
}

static unsigned int nr_qps(const struct card_port *port)
{
	const struct card *card = port->card;
	unsigned int nr = 0;

	for (u32 i = 0; i < card->nr_qps; i++)
		nr += card->qps[i] && qp_port(card->qps[i]) == port;
	return nr;
}

static unsigned int nr_failing(const struct card *card)
{
	unsigned int nr = 0;

	for (int i = 0; i < CARD_COMMAND_FAULTS; i++)
		nr += card->command_faults[i].status != 0;
	return nr;
}

static void print_time(u64 ns, FILE *out)
{
	static const struct {
		u64 ns;
		const char *unit;
	} units[] = {{1000000000, "s"}, {1000000, "ms"}, {1000, "us"}};

	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (ns && ns % units[i].ns == 0) {
			fprintf(out, "%" PRIu64 "%s", ns / units[i].ns,
				units[i].unit);
			return;
		}
	fprintf(out, "%" PRIu64 "ns", ns);
}

static void print_faults(const struct card *card, const struct link *link,
			 FILE *out)
{
	const struct link_faults *faults = &link->faults;

	if (faults->is_cut)
		fputs(" cut", out);
	if (faults->drop_rate > 0)
		fprintf(out, " drop=%g", faults->drop_rate);
	if (faults->corrupt_rate > 0)
		fprintf(out, " corrupt=%g", faults->corrupt_rate);
	if (faults->delay_ns) {
		fputs(" delay=", out);
		print_time(faults->delay_ns, out);
	}
	if (card->is_paused)
		fputs(" paused", out);
	if (nr_failing(card))
		fprintf(out, " failing-commands=%u", nr_failing(card));
}

/* The host writes it: only what can stand on a terminal, and in JSON. */
static void print_description(const struct card *card, FILE *out)
{
	for (int i = 0; i < NODE_DESCRIPTION_BYTES; i++) {
		char c = card->node_description[i];

		if (!c)
			return;
		fputc(c < ' ' || c > '~' || c == '"' || c == '\\' ? '?' : c,
		      out);
	}
}

static void status_line(const struct card_port *port, const struct link *link,
			FILE *out)
{
	const struct card *card = port->card;
	char process[16] = "-";

	if (card->server.client)
		snprintf(process, sizeof(process), "%d",
			 (int)card->server.client);
	fprintf(out, "%-5s%-7s%-6u0x%016" PRIx64 "  %-9s%-6u", port->name,
		state_name(&port->ib), port_lid(&port->ib), port->ib.guids[0],
		process, nr_qps(port));
	print_description(card, out);
	print_faults(card, link, out);
	fputc('\n', out);
}

static void status_json(const struct card_port *port, const struct link *link,
			FILE *out)
{
	const struct link_faults *faults = &link->faults;
	const struct card *card = port->card;

	fprintf(out,
		"{\"node\":%u,\"port\":%u,\"state\":\"%s\",\"lid\":%u,"
		"\"guid\":\"0x%016" PRIx64 "\",\"process\":",
		card->index + 1, port->number, state_name(&port->ib),
		port_lid(&port->ib), port->ib.guids[0]);
	if (card->server.client)
		fprintf(out, "%d", (int)card->server.client);
	else
		fputs("null", out);
	fprintf(out, ",\"qps\":%u,\"description\":\"", nr_qps(port));
	print_description(card, out);
	fprintf(out,
		"\",\"cut\":%s,\"drop\":%g,\"corrupt\":%g,\"delay_ns\":%" PRIu64
		",\"paused\":%s,\"failing_commands\":%u}",
		faults->is_cut ? "true" : "false", faults->drop_rate,
		faults->corrupt_rate, faults->delay_ns,
		card->is_paused ? "true" : "false", nr_failing(card));
}

void report_status(const struct fabric *fabric, struct report_range range,
		   bool is_json, FILE *out)
{
	if (is_json)
		fputc('[', out);
	else
		fputs("PORT STATE  LID   PORT GUID           PROCESS  QPS   "
		      "DESCRIPTION, FAULTS\n",
		      out);
	for (unsigned int i = range.first; i <= range.last; i++) {
		const struct card_port *port = fabric->ports[i];
		const struct link *link = &fabric->sw.ports[i].link;

		if (is_json && i > range.first)
			fputc(',', out);
		if (is_json)
			status_json(port, link, out);
		else
			status_line(port, link, out);
	}
	if (is_json)
		fputs("]\n", out);
}

static void counters_text(const struct card_port *port,
			  const struct port_stat *stats, unsigned int nr,
			  FILE *out)
{
	fprintf(out, "port %s\n", port->name);
	for (unsigned int i = 0; i < nr; i++)
		if (stats[i].value)
			fprintf(out, "  %-20s %12" PRIu64 "  %s\n",
				stats[i].name, stats[i].value, stats[i].help);
}

static void counters_json(const struct card_port *port,
			  const struct port_stat *stats, unsigned int nr,
			  FILE *out)
{
	fprintf(out, "{\"node\":%u,\"port\":%u", port->card->index + 1,
		port->number);
	for (unsigned int i = 0; i < nr; i++)
		fprintf(out, ",\"%s\":%" PRIu64, stats[i].name, stats[i].value);
	fputc('}', out);
}

void report_counters(const struct fabric *fabric, struct report_range range,
		     bool is_json, FILE *out)
{
	struct port_stat stats[NR_PORT_STATS];

	if (is_json)
		fputc('[', out);
	for (unsigned int i = range.first; i <= range.last; i++) {
		const struct card_port *port = fabric->ports[i];
		unsigned int nr = stats_of_port(fabric, port, stats);

		if (is_json && i > range.first)
			fputc(',', out);
		if (is_json)
			counters_json(port, stats, nr, out);
		else
			counters_text(port, stats, nr, out);
	}
	if (is_json)
		fputs("]\n", out);
}
