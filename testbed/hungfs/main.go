// Command hungfs mounts a file system whose fsync stops answering when it is
// told to, and later answers again: what a dead disk, a network file system
// whose server is silent or a volume that is being moved does to a program. It
// hands everything else on to a directory.
//
// It takes commands on standard input, a line each, and answers on standard
// output, with times in nanoseconds of CLOCK_MONOTONIC:
//
//	             ready TIME      the file system is mounted
//	hold         held TIME       the first fsync since then has come, and is not answered
//	release      released TIME   all are answered
//
// At the end of its input, or at SIGTERM, it answers everything, unmounts and
// ends. It needs Linux, root and /dev/fuse.
//
// With -mute it never answers what is named there (fsync, read, write), from the
// beginning and until it ends, and direct I/O goes past the page cache.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/lifesign-go/lifesign/testbed/internal/mono"
)

func main() {
	mount := flag.String("mount", "", "where to mount it")
	store := flag.String("store", "", "the directory that the files are in")
	mute := flag.String("mute", "", "what is never answered: fsync, read, write, with commas between them")
	flag.Parse()
	if err := run(*mount, *store, *mute, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "hungfs:", err)
		os.Exit(1)
	}
}

func run(mount, store, mute string, commands io.Reader, answers io.Writer) error {
	if err := showConnections(); err != nil {
		return err
	}
	g := newGate(func() { tell(answers, "held") })
	silent, err := silence(g, mute)
	if err != nil {
		return err
	}
	loopback, err := fs.NewLoopbackRoot(store)
	if err != nil {
		return fmt.Errorf("-store: %w", err)
	}
	root := &node{LoopbackNode: loopback.(*fs.LoopbackNode), gate: g, silent: silent}
	root.RootData.RootNode = root
	options := &fs.Options{MountOptions: fuse.MountOptions{
		FsName: "hungfs", Name: "hungfs",
		DirectMountStrict: true, // by mount(2), for there may be no fusermount
	}}
	if _, err := fs.Mount(mount, root, options); err != nil {
		return fmt.Errorf("mount a FUSE file system: %w (root and /dev/fuse are needed)", err)
	}
	// Whatever is still open goes on after it, until this process ends.
	defer syscall.Unmount(mount, syscall.MNT_DETACH)
	defer g.release()
	defer silent.release()
	tell(answers, "ready")
	return obey(g, commands, answers)
}

// obey does what it is told, until the end of the commands or a signal.
func obey(g *gate, commands io.Reader, answers io.Writer) error {
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM, syscall.SIGINT)
	lines := make(chan string)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(commands); s.Scan(); {
			lines <- s.Text()
		}
	}()
	for {
		select {
		case <-end:
			return nil
		case line, ok := <-lines:
			switch {
			case !ok:
				return nil
			case line == "hold":
				g.hold()
			case line == "release":
				g.release()
				tell(answers, "released")
			default:
				return fmt.Errorf("unknown command %q: hold or release", line)
			}
		}
	}
}

func tell(w io.Writer, word string) { fmt.Fprintf(w, "%s %d\n", word, mono.Now()) }

const (
	connections = "/sys/fs/fuse/connections"
	fusectl     = 0x65735543 // FUSE_CTL_SUPER_MAGIC
)

// showConnections mounts the file system in which the kernel tells how many
// requests of each FUSE file system have no answer, as systemd does on ordinary
// machines: without it nobody can know that this one is silent.
func showConnections() error {
	var st syscall.Statfs_t
	if err := syscall.Statfs(connections, &st); err != nil {
		return fmt.Errorf("look at %s: %w (the kernel needs FUSE)", connections, err)
	}
	if st.Type == fusectl {
		return nil
	}
	if err := syscall.Mount("fusectl", connections, "fusectl", 0, ""); err != nil {
		return fmt.Errorf("mount %s: %w (root is needed)", connections, err)
	}
	return nil
}
