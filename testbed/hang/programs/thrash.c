// A program that needs more memory than its memory cgroup has: two threads touch
// pages of a mapped file here and there, and each page that comes drives another
// one out. thrash PATH MEGABYTES; the file must be there.
#include "hang.h"
#include <sys/mman.h>

static char *map;
static size_t pages;

static void touch(unsigned seed) {
	volatile char sum = 0;
	for (;;)
		sum += map[(size_t)rand_r(&seed) % pages * 4096];
}

static void *other(void *arg) {
	(void)arg;
	touch(1);
	return NULL;
}

static void *subject(void *arg) {
	(void)arg;
	ready();
	start(other, NULL);
	touch(2);
	return NULL;
}

int main(int argc, char **argv) {
	begin();
	if (argc < 3)
		usage("thrash PATH MEGABYTES");
	size_t size = (size_t)atol(argv[2]) << 20;
	int fd = open(argv[1], O_RDONLY);
	check(fd < 0, argv[1]);
	pages = size / 4096;
	map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	check(map == MAP_FAILED, "mmap");
	madvise(map, size, MADV_RANDOM);
	start(subject, NULL);
	beat();
}
