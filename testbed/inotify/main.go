// Command inotify writes files and counts what inotify tells of their directory:
// all events, of the directory itself too. In the end it says whether they are
// those that it has made, and no other.
package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// made is how many events of each kind a unit of work makes.
var made = map[uint32]int{
	syscall.IN_CREATE: 1, syscall.IN_OPEN: 1, syscall.IN_MODIFY: 1, syscall.IN_CLOSE_WRITE: 1,
	syscall.IN_MOVED_FROM: 1, syscall.IN_MOVED_TO: 1, syscall.IN_DELETE: 1,
}

var names = map[uint32]string{
	syscall.IN_ACCESS: "access", syscall.IN_MODIFY: "modify", syscall.IN_ATTRIB: "attrib", syscall.IN_CLOSE_WRITE: "close-write",
	syscall.IN_CLOSE_NOWRITE: "close-nowrite", syscall.IN_OPEN: "open", syscall.IN_MOVED_FROM: "moved-from", syscall.IN_MOVED_TO: "moved-to",
	syscall.IN_CREATE: "create", syscall.IN_DELETE: "delete", syscall.IN_DELETE_SELF: "delete-self", syscall.IN_MOVE_SELF: "move-self",
	syscall.IN_Q_OVERFLOW: "overflow",
}

var (
	mu     sync.Mutex // guards what follows
	units  int
	counts = map[uint32]int{}
	strays []string // of names that are not the program's
)

func main() {
	begin()
	fd, err := syscall.InotifyInit1(syscall.IN_CLOEXEC)
	if err != nil {
		fail("watch", err)
	}
	if _, err := syscall.InotifyAddWatch(fd, *dir, syscall.IN_ALL_EVENTS); err != nil {
		fail("watch", err)
	}
	go follow(fd)
	time.AfterFunc(*lasts-2*time.Second, tell)
	*rate = 50
	go work(1, func(i int) error { return write(filepath.Join(*dir, fmt.Sprint("file", i))) })
	select {}
}

// write makes a file, makes it durable, renames and removes it.
func write(name string) error {
	mu.Lock()
	over := units < 0
	mu.Unlock()
	if over {
		time.Sleep(10 * time.Millisecond)
		return nil
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if _, err := f.Write(make([]byte, 512)); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(name, name+".new"); err != nil {
		return err
	}
	if err := os.Remove(name + ".new"); err != nil {
		return err
	}
	mu.Lock()
	defer mu.Unlock()
	if units < 0 {
		units--
	} else {
		units++
	}
	return nil
}

// follow counts events until the program ends.
func follow(fd int) {
	buf := make([]byte, 64<<10)
	for {
		n, err := syscall.Read(fd, buf)
		if err != nil {
			fail("read events", err)
		}
		mu.Lock()
		for b := buf[:n]; len(b) >= syscall.SizeofInotifyEvent; {
			mask := binary.NativeEndian.Uint32(b[4:])
			size := int(binary.NativeEndian.Uint32(b[12:]))
			name := strings.TrimRight(string(b[syscall.SizeofInotifyEvent:syscall.SizeofInotifyEvent+size]), "\x00")
			b = b[syscall.SizeofInotifyEvent+size:]
			counts[mask&^syscall.IN_ISDIR]++
			if !strings.HasPrefix(name, "file") {
				strays = append(strays, fmt.Sprintf("%s of %q", names[mask&^syscall.IN_ISDIR], name))
			}
		}
		mu.Unlock()
	}
}

// tell ends the work and says what came of it.
func tell() {
	mu.Lock()
	finished := units
	units = -1 // the unit that is under way counts on from here
	mu.Unlock()
	time.Sleep(time.Second)
	mu.Lock()
	defer mu.Unlock()
	finished += -1 - units
	var wrong []string
	for mask, n := range counts {
		if n != finished*made[mask] {
			wrong = append(wrong, fmt.Sprintf("%s %d, not %d", names[mask], n, finished*made[mask]))
		}
	}
	if len(counts) < len(made) || finished == 0 {
		wrong = append(wrong, fmt.Sprintf("%d units, %d kinds of events", finished, len(counts)))
	}
	if len(strays) > 0 {
		wrong = append(wrong, fmt.Sprintf("%d of others, the first %s", len(strays), strays[0]))
	}
	slices.Sort(wrong)
	if len(wrong) > 0 {
		fmt.Printf("result wrong: %s\n", strings.Join(wrong, "; "))
		return
	}
	fmt.Println("result the events are those that were made")
}
