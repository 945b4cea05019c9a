// Calls on a file of a file system or a device that does not answer, or slowly:
//
//	fsync read write direct-read direct-write fault   one thread, one call
//	second-writer   another thread stands in a write of the same file
//	open            another thread stands in a read of the same page
//	join            the subject joins a thread that stands in fsync
//	writes SIZE     direct writes of SIZE bytes, one after the other
#include "hang.h"
#include <sys/mman.h>

enum { block = 4096 };

static const char *path;
static size_t size = block;

static int opened(int flags) {
	int fd = open(path, flags | O_CLOEXEC);
	check(fd < 0, path);
	return fd;
}

static void *buffer(void) {
	void *p = NULL;
	errno = posix_memalign(&p, block, size);
	check(errno, "posix_memalign");
	memset(p, 'x', size);
	return p;
}

static void done(ssize_t n, const char *call) {
	if (n < 0)
		perror(call);
	else
		dprintf(2, "%s returned %zd\n", call, n);
}

static void *do_fsync(void *told) {
	int fd = opened(O_RDWR);
	if (!told)
		ready();
	done(fsync(fd), "fsync");
	return NULL;
}

static void *do_read(void *flags) {
	void *p = buffer();
	int fd = opened(O_RDONLY | (int)(long)flags);
	ready();
	done(read(fd, p, size), "read");
	return NULL;
}

static void *do_write(void *flags) {
	void *p = buffer();
	int fd = opened(O_RDWR | (int)(long)flags);
	ready();
	done(write(fd, p, size), "write");
	return NULL;
}

static void *do_fault(void *arg) {
	(void)arg;
	int fd = opened(O_RDONLY);
	char *p = mmap(NULL, block, PROT_READ, MAP_SHARED, fd, 0);
	check(p == MAP_FAILED, "mmap");
	ready();
	done(*(volatile char *)p, "the page");
	return NULL;
}

// other_write and other_read stand first, and are not the subject.
static void *other_write(void *arg) {
	(void)arg;
	done(write(opened(O_RDWR), buffer(), size), "the first write");
	return NULL;
}

static void *other_read(void *arg) {
	(void)arg;
	done(read(opened(O_RDONLY), buffer(), size), "the read");
	return NULL;
}

static void *do_open(void *arg) {
	(void)arg;
	ready();
	done(open(path, O_RDONLY), "open");
	return NULL;
}

static void *do_join(void *arg) {
	(void)arg;
	ready();
	pthread_join(start(do_fsync, "told"), NULL);
	return NULL;
}

static void *do_writes(void *arg) {
	(void)arg;
	void *p = buffer();
	int fd = opened(O_RDWR | O_DIRECT);
	ready();
	for (;;)
		check(pwrite(fd, p, size, 0) < 0, "pwrite");
	return NULL;
}

int main(int argc, char **argv) {
	begin();
	if (argc < 3)
		usage("file CALL PATH [SIZE]");
	const char *call = argv[1];
	path = argv[2];
	if (argc > 3)
		size = atol(argv[3]);
	if (!strcmp(call, "fsync"))
		start(do_fsync, NULL);
	else if (!strcmp(call, "read"))
		start(do_read, NULL);
	else if (!strcmp(call, "write"))
		start(do_write, NULL);
	else if (!strcmp(call, "direct-read"))
		start(do_read, (void *)(long)O_DIRECT);
	else if (!strcmp(call, "direct-write"))
		start(do_write, (void *)(long)O_DIRECT);
	else if (!strcmp(call, "fault"))
		start(do_fault, NULL);
	else if (!strcmp(call, "join"))
		start(do_join, NULL);
	else if (!strcmp(call, "writes"))
		start(do_writes, NULL);
	else if (!strcmp(call, "second-writer")) {
		start(other_write, NULL);
		sleep_ms(200);
		start(do_write, NULL);
	} else if (!strcmp(call, "open")) {
		start(other_read, NULL);
		sleep_ms(200);
		start(do_open, NULL);
	} else
		usage("file CALL PATH [SIZE]");
	beat();
}
