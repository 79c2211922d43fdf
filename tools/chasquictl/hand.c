#include "tools/chasquictl/hand.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"

/* Return: a descriptor; a negated errno. */
static int
copy_of_input(void)
{
	FILE *f = tmpfile();
	int fd = f ? dup(fileno(f)) : -1;
	char buf[65536];
	ssize_t n = 0;

	while (fd >= 0 && (n = read(STDIN_FILENO, buf, sizeof(buf))) > 0)
		if (write(fd, buf, (size_t)n) != n)
			break;
	if (f)
		fclose(f);
	if (fd >= 0 && n == 0)
		return fd;
	n = chq_errno();
	if (fd >= 0)
		close(fd);
	return (int)n;
}

int
tool_hand_open(const struct tool_args *a, int *fd, struct chq_ctl_error *e)
{
	const char *path = a->argc > 0 ? a->args[0] : "";
	struct stat st;
	int err = CHQ_OK;

	*fd = -1;
	if (strcmp(a->verb->noun, "user") != 0 || strcmp(a->verb->verb, "import") != 0)
		return CHQ_OK;
	*fd = strcmp(path, "-") == 0 ? copy_of_input() : open(path, O_RDONLY | O_CLOEXEC);
	if (*fd < 0)
		err = strcmp(path, "-") == 0 ? *fd : chq_errno();
	else if (fstat(*fd, &st) != 0)
		err = chq_errno();
	else if (!S_ISREG(st.st_mode))
		err = CHQ_EINVAL;
	if (!err)
		return CHQ_OK;
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	return chq_ctl_error_set(e, err, "file", "%s: %s", path,
				 err == CHQ_EINVAL ? "not a regular file" : chq_strerror(err));
}
