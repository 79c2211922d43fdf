#include "tests/parity/state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

/* All totals are numbers of 64 bits: kept one a line, in their order. */
#define FORMAT	"chasqui-parity-1"
#define NUMBERS (sizeof(struct state) / sizeof(uint64_t))
_Static_assert(sizeof(struct state) % sizeof(uint64_t) == 0, "a state is numbers");

int
state_read(const char *path, struct state *s)
{
	uint64_t numbers[NUMBERS];
	char format[32] = "";
	size_t n = 0, count = 0;
	FILE *f = fopen(path, "r");

	if (!f)
		return -errno;
	if (fscanf(f, "%31s %zu", format, &count) == 2)
		while (n < NUMBERS && fscanf(f, "%" SCNu64, &numbers[n]) == 1)
			n++;
	fclose(f);
	if (strcmp(format, FORMAT) != 0 || count != NUMBERS || n != NUMBERS)
		return CHQ_EMALFORMED;
	memcpy(s, numbers, sizeof(*s));
	return 0;
}

int
state_write(const char *path, const struct state *s)
{
	uint64_t numbers[NUMBERS];
	char fresh[4096];
	FILE *f;
	int rc = 0;

	if (snprintf(fresh, sizeof(fresh), "%s.new", path) >= (int)sizeof(fresh))
		return -ENAMETOOLONG;
	f = fopen(fresh, "w");
	if (!f)
		return -errno;
	memcpy(numbers, s, sizeof(numbers));
	fprintf(f, FORMAT " %zu\n", NUMBERS);
	for (size_t i = 0; i < NUMBERS; i++)
		fprintf(f, "%" PRIu64 "\n", numbers[i]);
	if (ferror(f))
		rc = -EIO;
	if (fclose(f) && rc == 0)
		rc = -errno;
	if (rc == 0 && rename(fresh, path))
		rc = -errno;
	return rc;
}

static void
json_counts(const char *key, const char *const *name, const uint64_t *n, int from, int to)
{
	const char *comma = "";

	printf(", \"%s\": {", key);
	for (int i = from; i < to; i++) {
		printf("%s\"%s\": %" PRIu64, comma, name[i], n[i]);
		comma = ", ";
	}
	printf("}");
}

void
state_json(const struct state *s, double seconds)
{
	const struct parity_totals *t = &s->totals;

	printf("{\"bench\": \"parity\", \"seed\": %" PRIu64 ", \"frames\": %" PRIu64
	       ", \"mismatches\": %" PRIu64 ", \"handed_up\": %" PRIu64 ", \"seconds\": %.1f",
	       s->seed, t->frames, t->mismatches, t->fate[FATE_UP], seconds);
	json_counts("outcomes", fate_name, t->fate, 0, 4);
	json_counts("handed_up_for", hand_up_name, t->up, 1, UP__COUNT);
	json_counts("alone_with", hand_up_name, t->alone, 1, UP__COUNT);
	json_counts("by_kind", gen_what_name, t->what, 0, GEN_WHAT__COUNT);
	json_counts("by_surroundings", gen_around_name, t->around, 0, GEN_AROUND__COUNT);
	json_counts("by_damage", gen_damage_name, t->damage, 0, GEN_DAMAGE__COUNT);
	printf("}\n");
}
