/*
 * A program of which threads die in the kernel. Its heartbeat thread writes the
 * time into a file every 5 ms. The others wait for a letter, on descriptor 3 the
 * first thread, on standard input the rest; who gets it tells its number and the
 * time, and writes the letter to /proc/lifesign_oops.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void *heartbeat(void *name)
{
	int fd = open(name, O_CREAT | O_WRONLY, 0600);

	for (;;) {
		long long t = now();

		if (pwrite(fd, &t, sizeof t, 0) != sizeof t)
			abort();
		usleep(5000);
	}
}

static void die(int from)
{
	char c;
	/* A descriptor of its own: a shared one has a lock of its own in the kernel. */
	int fd = open("/proc/lifesign_oops", O_WRONLY);

	if (fd < 0 || read(from, &c, 1) != 1)
		abort();
	printf("%d %lld\n", gettid(), now());
	if (write(fd, &c, 1) != 1)
		perror("write");
	printf("it came back\n");
}

static void *worker(void *arg)
{
	for (;;)
		die(0);
	return arg;
}

int main(int argc, char **argv)
{
	pthread_t t;

	if (argc != 2)
		return 2;
	setvbuf(stdout, NULL, _IONBF, 0);
	pthread_create(&t, NULL, heartbeat, argv[1]);
	for (int i = 0; i < 4; i++)
		pthread_create(&t, NULL, worker, NULL);
	for (;;)
		die(3);
}
