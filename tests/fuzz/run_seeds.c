/*
 * Runs a fuzz target without libFuzzer: every seed in a folder, then each seed cut at every length and
 * with every single bit flipped (up to MUTATE_MAX bytes). One TAP line a seed. Inputs are exact heap
 * copies, so that a sanitizer sees the first byte read too far.
 */

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

#define SEED_MAX   (1u << 20)
#define MUTATE_MAX 2048

/* Of the sanitizers' runtime; absent from ordinary builds. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static char current[512]; /* what is being run, for the report of a crash */
static unsigned long runs;

static void
say_current(void)
{
	static const char what[] = "Bail out! crashed on ";
	ssize_t n = write(STDOUT_FILENO, what, sizeof(what) - 1);

	n = write(STDOUT_FILENO, current, strlen(current));
	n = write(STDOUT_FILENO, "\n", 1);
	(void)n;
}

static void
on_crash(int sig)
{
	say_current();
	signal(sig, SIG_DFL);
	raise(sig);
}

static void
run_one(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	if (!copy)
		abort();
	memcpy(copy, data, len);
	LLVMFuzzerTestOneInput(copy, len);
	free(copy);
	runs++;
}

static void
run_mutations(const char *name, uint8_t *data, size_t len)
{
	size_t bound = len < MUTATE_MAX ? len : MUTATE_MAX;

	snprintf(current, sizeof(current), "%s", name);
	run_one(data, len);
	for (size_t cut = 0; cut < bound; cut++) {
		snprintf(current, sizeof(current), "%s cut to %zu bytes", name, cut);
		run_one(data, cut);
	}
	for (size_t bit = 0; bit < bound * 8; bit++) {
		snprintf(current, sizeof(current), "%s with bit %zu of byte %zu flipped", name,
			 bit % 8, bit / 8);
		data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		run_one(data, len);
		data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void
run_file(const char *dir, const char *name)
{
	uint8_t *data = malloc(SEED_MAX);
	char path[4096];
	size_t len;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "rb");
	if (!f || !data) {
		perror(path);
		exit(1);
	}
	len = fread(data, 1, SEED_MAX, f);
	fclose(f);
	run_mutations(name, data, len);
	free(data);
}

static int
is_seed(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

int
main(int argc, char **argv)
{
	struct dirent **seeds;
	int n = argc == 2 ? scandir(argv[1], &seeds, is_seed, alphasort) : -1;

	if (n <= 0) {
		fprintf(stderr, "usage: %s FOLDER-WITH-SEEDS\n", argv[0]);
		return 1;
	}
	signal(SIGSEGV, on_crash);
	signal(SIGABRT, on_crash);
	signal(SIGBUS, on_crash);
	signal(SIGFPE, on_crash);
	if (__sanitizer_set_death_callback)
		__sanitizer_set_death_callback(say_current);

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("1..%d\n", n);
	for (int i = 0; i < n; i++) {
		runs = 0;
		run_file(argv[1], seeds[i]->d_name);
		printf("ok %d - %s survives with its %lu mutations\n", i + 1, seeds[i]->d_name,
		       runs - 1);
		free(seeds[i]);
	}
	free(seeds);
	return 0;
}
