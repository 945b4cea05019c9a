// Command cgochain blocks in C that Go has called.
package main

/*
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static volatile long sink;

__attribute__((noinline)) long in_c(int n) {
	int fds[2];
	char c[8];
	if (pipe(fds) != 0)
		return 0;
	printf("%ld\n", (long)syscall(SYS_gettid));
	fflush(stdout);
	sink += read(fds[0], c, sizeof c);
	return sink + n;
}
*/
import "C"

func main() { C.in_c(1) }
