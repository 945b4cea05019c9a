package proc

import (
	"errors"
	"fmt"
	"sort"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/lifesign-go/lifesign/event"
)

// ErrGone says that the process is no more.
var ErrGone = errors.New("the process is gone")

// Tasks reads the threads of one process by descriptors that it holds: of their
// directory, and of the files of each thread as far as the limit of descriptors
// (RLIMIT_NOFILE) leaves room; a thread beyond that costs an open and a close a
// file. What a held descriptor tells is of that very thread: when the thread is
// gone it tells that, also if another thread has got its number.
//
// What may hang in the kernel is asked by helpers that are given up after TasksLimit,
// four at most at a time of each kind; one that has waited for a processor meanwhile
// has more time (Helper.Wait). A Tasks is for one goroutine at a time.
type Tasks struct {
	k     Kernel
	dir   int     // /proc/PID/task
	tasks []*task // by number
	spare []*task // of threads that are gone, for those to come
	next  []*task // for the next list of tasks
	ids   numbers // what the directory listed
	buf   []byte
	again answer // schedstat's
	busy  *task  // whose descriptors must stay
	text  [fileGuarded][]byte

	ask  patience // for states
	deep patience // for resources
	seen *peers
	q    *question // nil if the last one was given up
}

// TasksLimit is how long Tasks waits for what may hang, of a state; of a resource,
// for which all processes may have to be looked at, twice as long. It takes some
// milliseconds at most when all is well and there is a processor for it.
const TasksLimit = 200 * time.Millisecond

// task is a thread that Tasks knows.
type task struct {
	id     int
	listed bool
	fds    [files]int32 // -1 if it is not held
	memo   memo
	call   systemCall // at the last State
}

// numbers sorts without allocating, as a slice handed to sort.Ints does not.
type numbers []int

func (n *numbers) Len() int           { return len(*n) }
func (n *numbers) Less(i, j int) bool { return (*n)[i] < (*n)[j] }
func (n *numbers) Swap(i, j int)      { (*n)[i], (*n)[j] = (*n)[j], (*n)[i] }

// OpenTasks returns the threads of k's process. The error is ErrGone if there is
// no such process.
func OpenTasks(k Kernel) (*Tasks, error) {
	name := k.path("task")
	dir, err := openDir(name)
	if err != nil {
		if gone(err) {
			return nil, ErrGone
		}
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	return &Tasks{
		k: k, dir: dir, buf: make([]byte, 32<<10),
		ask: newPatience(TasksLimit), deep: newPatience(2 * TasksLimit), seen: newPeers(nil),
	}, nil
}

// Close closes what t holds.
func (t *Tasks) Close() {
	for _, task := range t.tasks {
		task.close()
	}
	t.tasks = nil
	closeFD(t.dir)
}

// Counters returns every thread of the process, by number, with its counters
// alone; it reuses buf. It allocates nothing if no thread came or went. A
// thread whose counters cannot be read has an Err. The error is ErrGone if the
// process is no more.
func (t *Tasks) Counters(buf []event.Thread) ([]event.Thread, error) {
	if t.complete() {
		if all, ended := t.readAll(buf[:0]); !ended {
			return all, nil
		}
		// One has ended, and one that has come since may have made up for it.
	}
	if err := t.list(); err != nil {
		return buf[:0], err
	}
	t.merge()
	buf, _ = t.readAll(buf[:0])
	if len(buf) == 0 {
		return buf, t.none()
	}
	return buf, nil
}

// complete reports whether the process has as many threads as t knows, by
// descriptors: if none of these has ended, they are all. To list the threads
// costs half as much as to read their counters.
func (t *Tasks) complete() bool {
	if len(t.tasks) == 0 {
		return false
	}
	for _, k := range t.tasks {
		if k.fds[fileSchedstat] < 0 {
			return false
		}
	}
	a := t.read(t.tasks[0], fileStat, t.buf)
	if a.err != nil {
		return false
	}
	s, err := parseStat(a.text)
	return err == nil && s.threads == len(t.tasks)
}

// readAll reads the counters of all threads, and forgets those that have ended.
func (t *Tasks) readAll(buf []event.Thread) (all []event.Thread, ended bool) {
	kept := t.tasks[:0]
	for _, task := range t.tasks {
		err := t.counters(task)
		if gone(err) {
			ended = true
			task.close()
			t.spare = append(t.spare, task)
			continue
		}
		kept = append(kept, task)
		buf = append(buf, event.Thread{ID: task.id, Syscall: -1})
		th := &buf[len(buf)-1]
		var s schedstatText
		if err == nil {
			s, err = parseSchedstat(t.again.text)
		}
		if err != nil {
			note(th, fileSchedstat, err)
			continue
		}
		th.RanNS, th.WaitedNS, th.Slices = s.ran, s.waited, s.slices
	}
	for i := len(kept); i < len(t.tasks); i++ {
		t.tasks[i] = nil
	}
	t.tasks = kept
	return buf, ended
}

// none says why no thread has counters.
func (t *Tasks) none() error {
	if len(t.ids) > 0 {
		k := t.fresh(t.ids[0])
		err := t.read(k, fileStat, t.buf).err
		if k.close(); err == nil {
			return errors.New("this kernel does not count how long threads run (CONFIG_SCHED_INFO)")
		}
	}
	return ErrGone
}

// counters reads the schedstat of a thread into again. One that is gone although
// it was listed has left its number to another thread.
func (t *Tasks) counters(k *task) error {
	t.again = t.read(k, fileSchedstat, t.buf)
	if gone(t.again.err) && k.listed && k.fds[fileSchedstat] >= 0 {
		k.close()
		t.again = t.read(k, fileSchedstat, t.buf)
	}
	return t.again.err
}

// list reads which threads there are, by number. The kernel's order is that in
// which they were made.
func (t *Tasks) list() error {
	t.ids = t.ids[:0]
	if err := rewind(t.dir); err != nil {
		return fmt.Errorf("list the threads of %d: %w", t.k.PID, err)
	}
	for {
		n, err := readDir(t.dir, t.buf)
		if gone(err) {
			return ErrGone
		}
		if err != nil {
			return fmt.Errorf("list the threads of %d: %w", t.k.PID, err)
		}
		if n <= 0 {
			break
		}
		for rest := t.buf[:n]; len(rest) > 0; {
			var name []byte
			name, rest = entryName(rest)
			if id, _, ok := number(name); ok && id < 1<<31 {
				t.ids = append(t.ids, int(id))
			}
		}
	}
	for i := 1; i < len(t.ids); i++ {
		if t.ids[i] < t.ids[i-1] {
			sort.Sort(&t.ids)
			break
		}
	}
	return nil
}

// merge makes tasks of those listed. Those that are not listed any more stay
// until their files say that they are gone: a list that is read while threads
// end may lack others.
func (t *Tasks) merge() {
	next := t.next[:0]
	old := t.tasks
	for i, id := range t.ids {
		if i > 0 && id == t.ids[i-1] {
			continue
		}
		for len(old) > 0 && old[0].id < id {
			old[0].listed = false
			next, old = append(next, old[0]), old[1:]
		}
		if len(old) > 0 && old[0].id == id {
			old[0].listed = true
			next, old = append(next, old[0]), old[1:]
			continue
		}
		next = append(next, t.fresh(id))
	}
	for _, k := range old {
		k.listed = false
		next = append(next, k)
	}
	t.tasks, t.next = next, t.tasks
}

func (t *Tasks) fresh(id int) *task {
	k := &task{}
	if n := len(t.spare); n > 0 {
		k, t.spare = t.spare[n-1], t.spare[:n-1]
	}
	*k = task{id: id, listed: true}
	for f := range k.fds {
		k.fds[f] = -1
	}
	return k
}

// find returns the thread with a number, nil if the last Counters had none.
func (t *Tasks) find(id int) *task {
	i := sort.Search(len(t.tasks), func(i int) bool { return t.tasks[i].id >= id })
	if i < len(t.tasks) && t.tasks[i].id == id {
		return t.tasks[i]
	}
	return nil
}

// read reads a file that cannot hang, by its descriptor if that is held.
func (t *Tasks) read(k *task, f file, buf []byte) answer {
	fd, err := t.open(k, f)
	if err != nil {
		return answer{err: err}
	}
	n, err := readStart(fd, buf)
	if k.fds[f] < 0 {
		closeFD(fd)
	}
	if err != nil {
		return answer{err: err}
	}
	return answer{text: buf[:n]}
}

// open returns the descriptor of a file. It is held unless k says otherwise
// afterwards: then the caller closes it.
func (t *Tasks) open(k *task, f file) (int, error) {
	if fd := k.fds[f]; fd >= 0 {
		return int(fd), nil
	}
	var room [48]byte
	name := append(strconv.AppendInt(room[:0], int64(k.id), 10), '/')
	name = append(append(name, fileNames[f]...), 0)
	fd, err := openAt(t.dir, name)
	if (errors.Is(err, errTooMany) || errors.Is(err, errTooFull)) && t.release() {
		fd, err = openAt(t.dir, name)
	}
	if err != nil {
		return -1, err
	}
	if hold(f) {
		k.fds[f] = int32(fd)
	}
	return fd, nil
}

// held counts the descriptors that all Tasks of this process hold.
var held int32

// hold reports whether one more descriptor may be held: half of those that this
// process may have for the counters, which are read most often, and of these
// half for all else.
func hold(f file) bool {
	most := int32(maxDescriptors() / 2)
	if f != fileSchedstat {
		most /= 2
	}
	if atomic.AddInt32(&held, 1) <= most {
		return true
	}
	atomic.AddInt32(&held, -1)
	return false
}

// release closes what is held of some threads, for the process has no
// descriptors left. It reports whether there was anything.
func (t *Tasks) release() bool {
	const enough = 16
	before := atomic.LoadInt32(&held)
	for _, k := range t.tasks {
		if k != t.busy {
			k.close()
		}
		if before-atomic.LoadInt32(&held) >= enough {
			break
		}
	}
	return atomic.LoadInt32(&held) < before
}

func (k *task) close() {
	for f := range k.fds {
		if fd := k.fds[f]; fd >= 0 {
			closeFD(int(fd))
			k.drop(file(f))
		}
	}
}
