package kernel

import (
	"github.com/cilium/ebpf/asm"
)

// The program over tasks: for each it writes one record, which Iter reads. It is
// put together here, from the offsets of this very kernel, so that there is no
// compiler and no object file.
//
// A record's fields, by their place in it. All are the machine's own byte order.
const (
	atPID       = 0  // u32
	atTGID      = 4  // u32
	atState     = 8  // u64
	atExitState = 16 // u32
	atFrames    = 24 // s64: bytes of the stack, or an error
	atBlocker   = 32 // u64: the lock's address, with its kind in the low bits
	atOwner     = 40 // u64: the word in the lock that names its owner
	atOwnerPID  = 48 // u32; so are the next three
	atOwnerTGID = 52
	atOwnerSt   = 56
	atOwnerExit = 60
	atOwnerComm = 64 // 16 bytes
	atComm      = 80 // 16 bytes
	atStack     = 96 // u64 each

	commLength = 16
	maxFrames  = 32
	recordSize = atStack + 8*maxFrames // of the 512 bytes that a program's stack may have
)

// The low bits of task_struct.blocker (linux/hung_task.h).
const (
	lockMutex     = 0
	lockSemaphore = 1
	lockReader    = 2
	lockWriter    = 3
	lockBits      = 3
)

// ownerBits are the low bits of an owner's word that are no part of the address:
// three of a mutex's (kernel/locking/mutex.h), two of an rw_semaphore's (rwsem.c).
const ownerBits = 7

// ownedByReader is RWSEM_READER_OWNED: the owner is one of maybe many readers, or
// was one.
const ownedByReader = 1

const (
	task  = asm.R7 // the task
	out   = asm.R8 // the file that records go to
	lock  = asm.R9 // the lock, then its owner
	begin = -recordSize
)

func taskProgram(o offsets) asm.Instructions {
	p := asm.Instructions{
		// struct bpf_iter__task { struct bpf_iter_meta *meta; struct task_struct *task; }
		asm.LoadMem(task, asm.R1, 8, asm.DWord),
		asm.JEq.Imm(task, 0, "end"),
		asm.LoadMem(out, asm.R1, 0, asm.DWord),
		asm.LoadMem(out, out, 0, asm.DWord), // bpf_iter_meta.seq, its first member
		asm.Mov.Imm(asm.R1, 0),
	}
	for at := 0; at < atStack; at += 8 {
		p = append(p, asm.StoreMem(asm.RFP, int16(begin+at), asm.R1, asm.DWord))
	}
	p = append(p, copyField(o.pid, atPID, asm.Word)...)
	p = append(p, copyField(o.tgid, atTGID, asm.Word)...)
	p = append(p, copyField(o.exitState, atExitState, asm.Word)...)
	size := asm.Word
	if o.stateSize == 8 {
		size = asm.DWord
	}
	p = append(p, copyField(o.state, atState, size)...)
	p = append(p, readFrom(task, o.comm, atComm, commLength)...)
	p = append(p,
		asm.Mov.Reg(asm.R1, task),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, begin+atStack),
		asm.Mov.Imm(asm.R3, 8*maxFrames),
		asm.Mov.Imm(asm.R4, 0),
		asm.FnGetTaskStack.Call(),
		asm.StoreMem(asm.RFP, begin+atFrames, asm.R0, asm.DWord),
	)
	if o.blocker != 0 {
		p = append(p, ownerProgram(o)...)
	}
	return append(p,
		asm.Mov.Reg(asm.R1, out).WithSymbol("write"),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, begin),
		asm.Mov.Imm(asm.R3, recordSize),
		asm.FnSeqWrite.Call(),
		asm.Mov.Imm(asm.R0, 0).WithSymbol("end"),
		asm.Return(),
	)
}

// ownerProgram follows the lock that the task waits for to its owner. The lock may
// be gone by now, and so may the owner: all is read in a way that cannot fault.
func ownerProgram(o offsets) asm.Instructions {
	semaphore := asm.Ja.Label("write")
	if o.semaphore >= 0 {
		semaphore = asm.Add.Imm(lock, o.semaphore)
	}
	p := asm.Instructions{
		asm.LoadMem(lock, task, int16(o.blocker), asm.DWord),
		asm.StoreMem(asm.RFP, begin+atBlocker, lock, asm.DWord),
		asm.JEq.Imm(lock, 0, "write"),
		asm.Mov.Reg(asm.R1, lock),
		asm.And.Imm(asm.R1, lockBits),
		asm.And.Imm(lock, ^lockBits),
		asm.JEq.Imm(asm.R1, lockMutex, "mutex"),
		asm.JEq.Imm(asm.R1, lockSemaphore, "semaphore"),
		asm.Add.Imm(lock, o.rwsem),
		asm.Ja.Label("owner"),
		asm.Add.Imm(lock, o.mutex).WithSymbol("mutex"),
		asm.Ja.Label("owner"),
		semaphore.WithSymbol("semaphore"),
	}
	owner := readFrom(lock, 0, atOwner, 8)
	owner[0] = owner[0].WithSymbol("owner")
	p = append(p, owner...)
	p = append(p,
		asm.LoadMem(lock, asm.RFP, begin+atOwner, asm.DWord),
		asm.And.Imm(lock, ^ownerBits),
		asm.JEq.Imm(lock, 0, "write"),
	)
	p = append(p, readFrom(lock, o.pid, atOwnerPID, 4)...)
	p = append(p, readFrom(lock, o.tgid, atOwnerTGID, 4)...)
	p = append(p, readFrom(lock, o.state, atOwnerSt, 4)...) // the low half will do
	p = append(p, readFrom(lock, o.exitState, atOwnerExit, 4)...)
	return append(p, readFrom(lock, o.comm, atOwnerComm, commLength)...)
}

// copyField copies a member of the task, whose type the kernel's verifier checks.
func copyField(from int32, to int, size asm.Size) asm.Instructions {
	return asm.Instructions{
		asm.LoadMem(asm.R1, task, int16(from), size),
		asm.StoreMem(asm.RFP, int16(begin+to), asm.R1, size),
	}
}

// readFrom copies n bytes at an address that need not be valid; then they are 0.
func readFrom(base asm.Register, from int32, to int, n int32) asm.Instructions {
	return asm.Instructions{
		asm.Mov.Reg(asm.R1, asm.RFP),
		asm.Add.Imm(asm.R1, int32(begin+to)),
		asm.Mov.Imm(asm.R2, n),
		asm.Mov.Reg(asm.R3, base),
		asm.Add.Imm(asm.R3, from),
		asm.FnProbeReadKernel.Call(),
	}
}
