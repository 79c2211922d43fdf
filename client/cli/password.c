/* Passwords come from the terminal without echo, or from standard input; never from the command line. */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <sodium.h>

#include "base/err.h"
#include "client/cli/cli.h"

/* One line of @fd, byte by byte: nothing more is taken from it, or kept in a buffer. */
static int
read_line(int fd, char *out, size_t size)
{
	size_t n = 0;

	for (;;) {
		char ch;
		ssize_t got = read(fd, &ch, 1);

		if (got < 0 && errno == EINTR && !cli_interrupted)
			continue;
		if (got < 0)
			return chq_errno();
		if (got == 0 || ch == '\n')
			break;
		if (n + 1 >= size)
			return CHQ_ETOOBIG;
		out[n++] = ch;
	}
	if (n && out[n - 1] == '\r')
		n--;
	out[n] = '\0';
	return (int)n;
}

int
cli_password(struct cli *cli, char *out, size_t size)
{
	static const char prompt[] = "Password: ";
	struct termios before, quiet;
	int fd, n;

	if (cli->password_stdin)
		return read_line(STDIN_FILENO, out, size);
	fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (fd < 0 || tcgetattr(fd, &before) < 0) {
		if (fd >= 0)
			close(fd);
		return CHQ_ENODEV;
	}
	quiet = before;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(fd, TCSAFLUSH, &quiet);
	n = write(fd, prompt, sizeof(prompt) - 1) < 0 ? chq_errno() : read_line(fd, out, size);
	tcsetattr(fd, TCSAFLUSH, &before);
	if (write(fd, "\n", 1) < 0 && n >= 0)
		n = chq_errno();
	close(fd);
	return n;
}
