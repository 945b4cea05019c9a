// A lock of a file that another process holds, taken by flock or by fcntl:
//
//	lockfile flock|posix PATH         the holder sleeps
//	lockfile flock|posix PATH FILE    the holder stands in fsync of FILE
#include "hang.h"
#include <sys/file.h>

static const char *kind, *path;

static int locked(void) {
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	check(fd < 0, path);
	return strcmp(kind, "flock") ? fcntl(fd, F_SETLKW, &whole) : flock(fd, LOCK_EX);
}

static void holder(const char *file, int holds) {
	check(locked(), "the holder's lock");
	check(write(holds, "", 1) != 1, "write");
	if (file) {
		int fd = open(file, O_RDWR | O_CLOEXEC);
		check(fd < 0, file);
		fsync(fd);
	}
	sleep_ms(600000);
}

static void *subject(void *arg) {
	(void)arg;
	ready();
	check(locked(), "lock");
	return NULL;
}

int main(int argc, char **argv) {
	int ends[2];
	char c;
	begin();
	if (argc < 3)
		usage("lockfile flock|posix PATH [FILE]");
	kind = argv[1];
	path = argv[2];
	check(pipe(ends), "pipe");
	if (child() == 0) {
		alarm(60);
		holder(argc > 3 ? argv[3] : NULL, ends[1]);
		_exit(0);
	}
	check(read(ends[0], &c, 1) != 1, "read");
	start(subject, NULL);
	beat();
}
