// Waits for work that does not come, in ways that are all right:
//
//	pipe accept recv unix epoll poll sigwait nanosleep
//
// and one that is not so clear, because somebody else does not do its part:
//
//	pipe-write     the reader of a full pipe sleeps
#include "hang.h"
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

static void *on_pipe(void *arg) {
	(void)arg;
	int ends[2];
	char c;
	check(pipe(ends), "pipe");
	ready();
	check(read(ends[0], &c, 1) < 0, "read");
	return NULL;
}

static void *on_pipe_write(void *arg) {
	(void)arg;
	int ends[2];
	static char data[1 << 20];
	check(pipe2(ends, O_CLOEXEC), "pipe2");
	if (child() == 0) {
		close(ends[1]);
		sleep_ms(600000);
		_exit(0);
	}
	close(ends[0]);
	ready();
	check(write(ends[1], data, sizeof data) < 0, "write");
	return NULL;
}

static int listener(struct sockaddr_in *at) {
	socklen_t n = sizeof *at;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	memset(at, 0, sizeof *at);
	at->sin_family = AF_INET;
	at->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	check(bind(fd, (struct sockaddr *)at, n) || listen(fd, 1) || getsockname(fd, (struct sockaddr *)at, &n), "listen");
	return fd;
}

static void *on_accept(void *arg) {
	(void)arg;
	struct sockaddr_in at;
	int fd = listener(&at);
	ready();
	check(accept(fd, NULL, NULL) < 0, "accept");
	return NULL;
}

// on_recv has a peer in another process, which sleeps.
static void *on_recv(void *arg) {
	(void)arg;
	char c;
	struct sockaddr_in at;
	int l = listener(&at);
	if (child() == 0) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		check(connect(fd, (struct sockaddr *)&at, sizeof at), "connect");
		sleep_ms(600000);
		_exit(0);
	}
	int fd = accept(l, NULL, NULL);
	check(fd < 0, "accept");
	ready();
	check(recv(fd, &c, 1, 0) < 0, "recv");
	return NULL;
}

static void *on_unix(void *arg) {
	(void)arg;
	int ends[2];
	char c;
	check(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), "socketpair");
	ready();
	check(recv(ends[0], &c, 1, 0) < 0, "recv");
	return NULL;
}

static void *on_epoll(void *arg) {
	(void)arg;
	struct sockaddr_in at;
	struct epoll_event e = {.events = EPOLLIN};
	int fd = epoll_create1(0);
	check(epoll_ctl(fd, EPOLL_CTL_ADD, listener(&at), &e), "epoll_ctl");
	ready();
	check(epoll_wait(fd, &e, 1, -1) < 0, "epoll_wait");
	return NULL;
}

static void *on_poll(void *arg) {
	(void)arg;
	struct sockaddr_in at;
	struct pollfd p = {.fd = listener(&at), .events = POLLIN};
	ready();
	check(poll(&p, 1, -1) < 0, "poll");
	return NULL;
}

static void *on_signal(void *arg) {
	(void)arg;
	sigset_t set;
	int got;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	ready();
	check(sigwait(&set, &got), "sigwait");
	return NULL;
}

static void *on_time(void *arg) {
	(void)arg;
	ready();
	sleep_ms(600000);
	return NULL;
}

int main(int argc, char **argv) {
	static const struct {
		const char *name;
		void *(*wait)(void *);
	} kinds[] = {
		{"pipe", on_pipe},     {"pipe-write", on_pipe_write}, {"accept", on_accept},  {"recv", on_recv},      {"unix", on_unix},
		{"epoll", on_epoll},   {"poll", on_poll},             {"sigwait", on_signal}, {"nanosleep", on_time},
	};
	begin();
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; argc > 1 && i < sizeof kinds / sizeof *kinds; i++)
		if (!strcmp(argv[1], kinds[i].name)) {
			start(kinds[i].wait, NULL);
			beat();
		}
	usage("wait pipe|pipe-write|accept|recv|unix|epoll|poll|sigwait|nanosleep");
}
