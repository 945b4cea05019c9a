// A program with a thread that reads from a pipe into a page that nobody fills: whoever
// reads that page stands still.
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static char *page;
static int fds[2];

__attribute__((noinline)) static void reads(void) {
	if (read(fds[0], page, 4096) < 0)
		abort();
}

static void *run(void *p) {
	reads();
	return p;
}

int main(void) {
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	struct uffdio_api api = {.api = UFFD_API};
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct uffdio_register reg = {.range = {(unsigned long)page, 4096}, .mode = UFFDIO_REGISTER_MODE_MISSING};
	pthread_t t;
	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &reg) || pipe(fds))
		abort();
	pthread_create(&t, NULL, run, NULL);
	usleep(100000);
	printf("%d\n", getpid());
	fflush(stdout);
	for (;;)
		pause();
}
