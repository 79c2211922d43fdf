/* Which identity a command uses: the one that was logged in last, named by a small file. */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "client/cli/cli.h"

static int
config_folder(char *out, size_t size)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	int n;

	if (config && config[0] == '/')
		n = snprintf(out, size, "%s/chasqui", config);
	else if (home && home[0] == '/')
		n = snprintf(out, size, "%s/.config/chasqui", home);
	else
		return CHQ_ENOENT;
	return n < 0 || (size_t)n >= size ? CHQ_ENAMETOOLONG : CHQ_OK;
}

int
cli_home_current(char *out, size_t size)
{
	char path[4096];
	int err = config_folder(path, sizeof(path) - 16);
	FILE *f;

	if (err)
		return err;
	strcat(path, "/current");
	f = fopen(path, "re");
	if (!f)
		return CHQ_ENOENT;
	if (!fgets(out, (int)size, f) || out[0] != '/')
		err = CHQ_ENOENT;
	out[strcspn(out, "\n")] = '\0';
	fclose(f);
	return err;
}

int
cli_home_remember(const char *path)
{
	char file[4096], temp[4200], real[4096];
	int err = config_folder(file, sizeof(file) - 16);
	FILE *f;

	if (err || !realpath(path, real))
		return CHQ_ENOENT;
	if (mkdir(file, 0700) < 0 && errno != EEXIST)
		return chq_errno();
	strcat(file, "/current");
	snprintf(temp, sizeof(temp), "%s.new", file);
	f = fopen(temp, "we");
	if (!f)
		return chq_errno();
	fprintf(f, "%s\n", real);
	if (fclose(f) != 0 || rename(temp, file) < 0)
		return chq_errno();
	return CHQ_OK;
}
