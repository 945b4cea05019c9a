// A page that user space is to fill by userfaultfd, and nobody does: touched by
// the program (fault), or by the kernel for it in a system call (call).
#include "hang.h"
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

static int in_call;

static void *subject(void *arg) {
	(void)arg;
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	check(fd < 0, "userfaultfd");
	struct uffdio_api api = {.api = UFFD_API};
	check(ioctl(fd, UFFDIO_API, &api), "UFFDIO_API");
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	check(p == MAP_FAILED, "mmap");
	struct uffdio_register reg = {.range = {(unsigned long)p, 4096}, .mode = UFFDIO_REGISTER_MODE_MISSING};
	check(ioctl(fd, UFFDIO_REGISTER, &reg), "UFFDIO_REGISTER");
	int ends[2];
	check(pipe(ends), "pipe");
	ready();
	if (in_call)
		check(write(ends[1], p, 4096) < 0, "write");
	else
		*(volatile char *)p = 1;
	return NULL;
}

int main(int argc, char **argv) {
	begin();
	if (argc < 2)
		usage("uffd fault|call");
	in_call = !strcmp(argv[1], "call");
	start(subject, NULL);
	beat();
}
