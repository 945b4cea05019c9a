// A connection whose peer is gone without a word: the link between two network
// namespaces, both made here, goes down, and what is sent is not acknowledged.
// The addresses are those of documents, and leave the namespaces nowhere.
#include "hang.h"
#include <arpa/inet.h>
#include <sched.h>
#include <sys/socket.h>

enum { port = 4711 };

static struct sockaddr_in address(const char *ip) {
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
	inet_pton(AF_INET, ip, &a.sin_addr);
	return a;
}

static void run(const char *command) { check(system(command), command); }

// peer has the other end. It says when it listens, and takes its link down when
// it is told to.
static void peer(int say, int hear) {
	char c;
	struct sockaddr_in a = address("192.0.2.2");
	alarm(60);
	check(unshare(CLONE_NEWNET), "unshare");
	check(write(say, "", 1) != 1 || read(hear, &c, 1) != 1, "the namespace");
	run("ip addr add 192.0.2.2/24 dev there && ip link set there up");
	int l = socket(AF_INET, SOCK_STREAM, 0);
	check(bind(l, (struct sockaddr *)&a, sizeof a) || listen(l, 1), "listen");
	check(write(say, "", 1) != 1, "write");
	int fd = accept(l, NULL, NULL);
	check(fd < 0 || read(fd, &c, 1) != 1 || read(hear, &c, 1) != 1, "accept");
	run("ip link set there down");
	check(write(say, "", 1) != 1, "write");
	sleep_ms(600000);
	_exit(0);
}

static int fd, say, hear;

static void *subject(void *arg) {
	(void)arg;
	char c;
	ready();
	check(send(fd, "are you there?", 14, 0) < 0, "send");
	check(recv(fd, &c, 1, 0) < 0, "recv");
	return NULL;
}

int main(void) {
	int to[2], from[2];
	char c, command[128];
	struct sockaddr_in a = address("192.0.2.2");
	begin();
	check(pipe(to) || pipe(from), "pipe");
	check(unshare(CLONE_NEWNET), "unshare");
	pid_t pid = child();
	if (pid == 0)
		peer(from[1], to[0]);
	say = to[1], hear = from[0];
	check(read(hear, &c, 1) != 1, "read");
	snprintf(command, sizeof command, "ip link add here type veth peer name there netns %d", (int)pid);
	run(command);
	run("ip addr add 192.0.2.1/24 dev here && ip link set here up");
	check(write(say, "", 1) != 1 || read(hear, &c, 1) != 1, "the peer");
	fd = socket(AF_INET, SOCK_STREAM, 0);
	check(connect(fd, (struct sockaddr *)&a, sizeof a), "connect");
	check(write(fd, "", 1) != 1 || write(say, "", 1) != 1 || read(hear, &c, 1) != 1, "the link");
	start(subject, NULL);
	beat();
}
