package main

import (
	"fmt"
	"slices"
	"time"
)

// fault is a way to go wrong, and what must be said of it.
type fault struct {
	name          string
	command, word string        // for the disk or the wire, and its answer
	before        time.Duration // of health
	lasts         time.Duration // at most, if nothing is found
	want          want
}

// want is what is to be expected of a fault.
type want int

const (
	silence want = iota // no finding at all
	stuck               // found by somebody, as stuck
	wrong               // found with mimics, as wrong; nobody else can know what is not read
	slow                // may be found, but never as stuck
	told                // something is said with mimics, and never as proven
)

const (
	before   = 10 * time.Second // of health: mimics must have been given arguments
	learning = 80 * time.Second // until mimics know what is usual: 64 of them, and some that are slow
	hangs    = 15 * time.Second // after which a fault is not found
	linger   = 3 * time.Second  // after it was found: who else finds it, and what should not be found
	recovery = 40 * time.Second // for the subject to work, and for lifesign to say so; TCP tries again after up to 30 s
)

// The faults of a disk. What lasts is refused, or is stored wrong, is met by the
// mimic of one operation in a second, and two more times before it is told; what is
// stored wrong by that alone, which on a slow disk comes every five.
var (
	diskFaults = []fault{
		{"fsync hangs", "hold", "held", before, hangs, stuck},
		{"write hangs", "hold write", "held", before, hangs, stuck},
		{"tenfold slow", "slow", "slowed", learning, 40 * time.Second, slow},
		{"bit flips", "flip", "flipped", before, 3 * hangs, wrong},
		{"ENOSPC", "fail ENOSPC", "failed", before, hangs, wrong},
		{"EIO", "fail EIO", "failed", before, hangs, wrong},
		{"EROFS", "fail EROFS", "failed", before, hangs, wrong},
	}
	wireFaults = []fault{
		{"silent", "silent", "silenced", before, 2 * hangs, told},
		{"slow", "slow 2000", "slowed", before, hangs, slow},
		{"one direction", "silent down", "silenced", before, 2 * hangs, told},
	}
)

// trial is a subject, what goes wrong, and whether the mimics are on.
type trial struct {
	subject string
	on      medium
	fault   *fault        // nil: none, for as long as healthy says
	healthy time.Duration // of a trial without a fault
	mimics  bool
	load    []string // flags of the subject, or of natsload
	// dies: the subject ends by itself when a write is refused, which is its way.
	dies bool
	// blind is why the fault need not be found though the mimics are on, "" if it must.
	blind string
	// names are functions without their package: one of them must be named, or stand
	// in the chain of what is.
	names []string
}

// medium is what goes wrong.
type medium string

const (
	disk medium = "disk"
	wire medium = "wire"
)

func (t trial) String() string {
	what := "healthy"
	if t.fault != nil {
		what = t.fault.name
	}
	how := "off"
	if t.mimics {
		how = "on"
	}
	return fmt.Sprintf("%s, %s, %s, mimics %s", t.subject, t.on, what, how)
}

// The subjects: real systems, on a disk or behind wires. Their load leaves the
// machine mostly idle.
var (
	onDisks = []trial{
		{subject: "etcd", on: disk, load: []string{"-rate", "50"}, names: []string{"Fdatasync", "fdatasync", "(*PageWriter).Flush", "(*PageWriter).Write", "(*Tx).write", "(*Tx).writeMeta", "(*DB).writeAt", "(*WAL).sync", "(*WAL).Save", "(*WAL).cut"}},
		{subject: "raft503", on: disk, load: []string{"-rate", "50", "-bears"}, names: []string{"fdatasync", "(*Tx).write", "(*Tx).writeMeta", "(*BoltStore).StoreLogs", "(*Raft).dispatchLogs", "(*DB).writeAt"}},
		// It writes its log by a mapping, which no checker can follow: files only when a
		// memtable is full, which these values see to every few seconds.
		{subject: "badger", on: disk, load: []string{"-rate", "800", "-value", "1000", "-bears"}, names: []string{
			"msync", "Msync", "syncDir", "SyncDir", "(*MmapFile).Sync", "(*MmapFile).Truncate", "OpenMmapFileUsing", "CreateTable",
			"(*DB).flushMemtable", "(*DB).handleMemTableFlush", "(*DB).doWrites", "(*DB).ensureRoomForWrite", "(*manifestFile).addChanges",
		}},
		{subject: nats, on: disk, load: natsFlags, names: []string{"(*msgBlock).flushPendingMsgsLocked", "(*msgBlock).writeAt", "(*fileStore).syncBlocks", "(*msgBlock).syncBlocks", "(*msgBlock).atomicOverwriteFile", "(*fileStore).writeFullState", "(*consumerFileStore).writeState", "(*dirFile).Sync"}},
	}
	onWires = []trial{
		{subject: "etcd", on: wire, load: []string{"-rate", "20"}, names: []string{"(*streamWriter).run", "(*streamReader).run", "(*pipeline).post", "(*pipeline).handle"}},
		{subject: nats, on: wire, load: natsFlags, names: []string{"(*client).flushOutbound", "(*client).readLoop", "(*client).writeLoop"}},
	}
	// Who ends when its log cannot be written: work every five seconds leaves time
	// for the mimic of the last one to be there before the next.
	rarely = map[string][]string{"etcd": {"-rate", "0.8"}, "raft503": {"-rate", "0.2"}}
)

// alsoWoven is woven beside a subject's scope: what its files are written by.
var alsoWoven = map[string]string{"raft503": "go.etcd.io/bbolt/..."}

const nats = "nats7458mended"

var natsFlags = []string{"-getters", "0", "-publishers", "2", "-preload", "10", "-rate", "100"}

// full is what `make mimics` runs.
func full(healthy time.Duration) []trial {
	var all []trial
	for _, t := range slices.Concat(onDisks, onWires) {
		faults := diskFaults
		if t.on == wire {
			faults = wireFaults
		}
		t.mimics, t.healthy = true, healthy
		all = append(all, t) // the healthy twin
		for i := range faults {
			t.fault = &faults[i]
			for _, t.mimics = range []bool{true, false} {
				all = append(all, t.fitted())
			}
		}
	}
	return all
}

// clustered reports whether it is about members of a cluster that talk to each other.
func (t trial) clustered() bool { return t.on == wire && t.subject != nats }

// blind says, by subject and fault, what may stay unseen, and why. It is in the table's
// last column, where it happens.
var blind = map[string]string{
	"etcd silent":        streams,
	"etcd one direction": streams,
	nats + " silent":     "it is the client that sends: the server has seldom something in flight that is not acknowledged, and pings after two minutes",
}

const streams = "its peers' streams are a http.ResponseWriter and a body: no connection is seen that could be looked at"

// fitted is t with what its subject needs for its fault.
func (t trial) fitted() trial {
	t.blind = blind[t.subject+" "+t.fault.name]
	if t.subject == "badger" && t.fault.want != slow {
		f := *t.fault
		f.lasts = 45 * time.Second // a memtable is full every eight
		t.fault = &f
	}
	if load := rarely[t.subject]; load != nil && t.fault.word == "failed" {
		f := *t.fault
		f.before = 2 * before // for some of that work
		t.load, t.dies, t.fault = load, true, &f
	}
	return t
}

// short is what `make test` runs. What a refused write does to raft is not among it: on a
// machine that is busy its leader is none any more before that.
func short() []trial {
	t := onDisks[1]
	t.mimics = true
	var all []trial
	for _, i := range []int{0, 3} {
		t.fault = &diskFaults[i]
		all = append(all, t.fitted())
	}
	return all
}
