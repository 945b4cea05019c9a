// Command hungfs mounts a file system that goes wrong when it is told to, and is
// well again later: what a dead disk, a network file system whose server is
// silent, a volume that is being moved, a worn-out or a full disk does to a
// program. It hands everything else on to a directory.
//
// It takes commands on standard input, a line each, and answers on standard
// output, with times in nanoseconds of CLOCK_MONOTONIC. What is to go wrong is
// answered when it first does:
//
//	             ready TIME      the file system is mounted
//	hold         held TIME       the first fsync since then has come, and is not answered
//	hold write   held TIME       the first write since then has come, and is not answered
//	slow         slowed TIME     the first request since then has come; each takes ten times as long, at least 20 ms more
//	flip         flipped TIME    the first write since then has come; in each the middle byte's lowest bit is stored wrong
//	fail ENOSPC  failed TIME     the first write, fsync or allocation since then has come, and is refused, as all are
//	fail EIO     failed TIME     the same
//	fail EROFS   failed TIME     the same, and all else that changes anything is refused too
//	release      released TIME   all is answered, and well
//
// What was stored wrong stays so: whoever reads it past the page cache, after
// POSIX_FADV_DONTNEED or with O_DIRECT, reads the wrong byte. Whoever has it in
// the page cache still reads the right one, as on a disk: the kernel drops pages
// neither when a file is opened nor when its times change.
//
// At the end of its input, or at SIGTERM, it answers everything, unmounts and
// ends. It needs Linux, root and /dev/fuse. It has no O_TMPFILE (EOPNOTSUPP), for
// the library it is made with does not know that request.
//
// With -mute it never answers what is named there (fsync, read, write), from the
// beginning and until it ends, and the kernel drops a file's pages when it is
// opened, as it does with most FUSE file systems: an open waits for pages that are
// being read. With -slow, -flip and -fail it goes wrong from the beginning.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/lifesign-go/lifesign/testbed/internal/mono"
)

// flags are the command line's.
type flags struct {
	mount, store string
	mute         string
	slow, flip   bool
	fail         string
}

func main() {
	var f flags
	flag.StringVar(&f.mount, "mount", "", "where to mount it")
	flag.StringVar(&f.store, "store", "", "the directory that the files are in")
	flag.StringVar(&f.mute, "mute", "", "what is never answered: fsync, read, write, with commas between them")
	flag.BoolVar(&f.slow, "slow", false, "be slow from the beginning")
	flag.BoolVar(&f.flip, "flip", false, "flip bits from the beginning")
	flag.StringVar(&f.fail, "fail", "", "refuse writes from the beginning: ENOSPC, EIO or EROFS")
	flag.Parse()
	if err := run(f, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "hungfs:", err)
		os.Exit(1)
	}
}

func run(f flags, commands io.Reader, answers io.Writer) error {
	if err := showConnections(); err != nil {
		return err
	}
	d := newDisk(func(word string) { tell(answers, word) })
	if err := d.begin(f); err != nil {
		return err
	}
	loopback, err := fs.NewLoopbackRoot(f.store)
	if err != nil {
		return fmt.Errorf("-store: %w", err)
	}
	root := &node{LoopbackNode: loopback.(*fs.LoopbackNode)}
	if f.mute == "" {
		root.keep = fuse.FOPEN_KEEP_CACHE
	}
	root.RootData.RootNode = root
	d.RawFileSystem = fs.NewNodeFS(root, &fs.Options{})
	server, err := fuse.NewServer(d, f.mount, &fuse.MountOptions{
		FsName: "hungfs", Name: "hungfs",
		DirectMountStrict:        true, // by mount(2), for there may be no fusermount
		ExplicitDataCacheControl: true, // or a new time of modification would drop pages
	})
	if err != nil {
		return fmt.Errorf("mount a FUSE file system: %w (root and /dev/fuse are needed)", err)
	}
	go server.Serve()
	if err := server.WaitMount(); err != nil {
		return fmt.Errorf("mount a FUSE file system: %w", err)
	}
	// Whatever is still open goes on after it, until this process ends.
	defer syscall.Unmount(f.mount, syscall.MNT_DETACH)
	defer d.release()
	tell(answers, "ready")
	return obey(d, commands, answers)
}

// begin sets what is wrong from the beginning.
func (d *disk) begin(f flags) error {
	if err := d.mute(f.mute); err != nil {
		return err
	}
	var commands []string
	if f.slow {
		commands = append(commands, "slow")
	}
	if f.flip {
		commands = append(commands, "flip")
	}
	if f.fail != "" {
		commands = append(commands, "fail "+f.fail)
	}
	for _, c := range commands {
		if err := d.command(c); err != nil {
			return err
		}
	}
	return nil
}

// obey does what it is told, until the end of the commands or a signal.
func obey(d *disk, commands io.Reader, answers io.Writer) error {
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
			if !ok {
				return nil
			}
			if line == "release" {
				d.release()
				tell(answers, "released")
				continue
			}
			if err := d.command(line); err != nil {
				return err
			}
		}
	}
}

// command makes something go wrong.
func (d *disk) command(line string) error {
	name, what, _ := strings.Cut(line, " ")
	switch {
	case line == "hold", line == "hold fsync":
		d.fsync.hold()
	case line == "hold write":
		d.write.hold()
	case line == "slow":
		d.trouble(func(t *trouble) { t.slow = d.once("slowed") })
	case line == "flip":
		d.trouble(func(t *trouble) { t.flip = d.once("flipped") })
	case name == "fail" && refusals[what] != 0:
		d.trouble(func(t *trouble) { t.fail, t.errno = d.once("failed"), refusals[what] })
	default:
		return fmt.Errorf("unknown command %q: hold, hold write, slow, flip, fail ENOSPC, fail EIO, fail EROFS or release", line)
	}
	return nil
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
