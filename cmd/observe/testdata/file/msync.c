// Writes a mapped file back, which has no descriptor any more.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int fd = open(argv[1], O_RDWR);
	char *p;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (fd < 0)
		return 1;
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return 1;
	close(fd);
	p[0] = 'x';
	return msync(p, 4096, MS_SYNC);
}
