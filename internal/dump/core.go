package dump

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// What an ELF core of 64 bits is made of (elf(5), and fs/binfmt_elf.c for the
// notes). Package debug/elf is not used: a dump is also made in users' programs.
const (
	headerSize  = 64
	programSize = 56
	noteHead    = 12

	typeCore   = 4
	loadable   = 1
	notes      = 4
	readWrite  = 6
	maxProgram = 4096 // segments that are written

	ntPrstatus = 1
	ntPrpsinfo = 3
	ntAuxv     = 6
	ntFile     = 0x46494c45
	ntSiginfo  = 0x53494749
	ntDump     = 0x4c494645 // "LIFE": unlike any other, for readers that pass over the owner

	owner    = "CORE"
	ownOwner = "LIFESIGN"

	pageSize = 4096 // in which NT_FILE counts
)

// machine is what differs between architectures.
type machine struct {
	number    uint16
	registers int // words
	words     []string
}

var machines = map[string]machine{
	// user_regs_struct of arch/x86/include/asm/user_64.h
	"amd64": {62, 27, strings.Fields("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base ds es fs gs")},
	// user_pt_regs of arch/arm64/include/uapi/asm/ptrace.h
	"arm64": {183, 34, strings.Fields("x0 x1 x2 x3 x4 x5 x6 x7 x8 x9 x10 x11 x12 x13 x14 x15 x16 x17 x18 x19 x20 x21 x22 x23 x24 x25 x26 x27 x28 x29 x30 sp pc pstate")},
}

// RegisterNames returns the names of Thread.Registers for an architecture, nil if
// that is not known.
func RegisterNames(arch string) []string { return machines[arch].words }

// archOf is machines the other way around.
func archOf(number uint16) string {
	for arch, m := range machines {
		if m.number == number {
			return arch
		}
	}
	return ""
}

// Offsets in elf_prstatus, which are the same on both architectures.
const (
	statusSignal    = 12
	statusPID       = 32
	statusParent    = 36
	statusRegisters = 112
)

// prstatus is the note of a thread, nil if its registers are not known.
func prstatus(p *Process, t *Thread) []byte {
	m := machines[p.Arch]
	if len(t.Registers) == 0 || len(t.Registers) != m.registers {
		return nil
	}
	b := make([]byte, statusRegisters+8*m.registers+8)
	le := binary.LittleEndian
	le.PutUint32(b, uint32(t.Signal))
	le.PutUint16(b[statusSignal:], uint16(t.Signal))
	le.PutUint32(b[statusPID:], uint32(t.ID))
	le.PutUint32(b[statusParent:], uint32(p.Parent))
	for i, r := range t.Registers {
		le.PutUint64(b[statusRegisters+8*i:], r)
	}
	return b
}

// prpsinfo says what the process is.
func prpsinfo(d *Dump) []byte {
	p := &d.Process
	b := make([]byte, 136)
	le := binary.LittleEndian
	if p.State != "" {
		b[1] = p.State[0]
		b[0] = byte(max0(strings.IndexByte("RSDTZW", b[1])))
	}
	le.PutUint32(b[16:], uint32(p.UID))
	le.PutUint32(b[20:], uint32(p.GID))
	le.PutUint32(b[24:], uint32(p.PID))
	le.PutUint32(b[28:], uint32(p.Parent))
	copy(b[40:55], p.Program)
	copy(b[56:135], strings.Join(d.Args, " "))
	return b
}

func max0(n int) int {
	if n < 0 {
		return 0
	}
	return n
}

// siginfo is the signal that the dump is about.
func siginfo(r *Reason) []byte {
	b := make([]byte, 128)
	le := binary.LittleEndian
	le.PutUint32(b, uint32(r.Signal))
	le.PutUint32(b[8:], uint32(r.Code))
	le.PutUint64(b[16:], r.Address)
	return b
}

// files is the note of the mapped files.
func files(list []Mapping) []byte {
	var names bytes.Buffer
	b := make([]byte, 16, 16+24*len(list))
	le := binary.LittleEndian
	le.PutUint64(b, uint64(len(list)))
	le.PutUint64(b[8:], pageSize)
	for _, m := range list {
		var e [24]byte
		le.PutUint64(e[:], m.Start)
		le.PutUint64(e[8:], m.End)
		le.PutUint64(e[16:], m.Offset/pageSize)
		b = append(b, e[:]...)
		names.WriteString(fileName(m))
		names.WriteByte(0)
	}
	return append(b, names.Bytes()...)
}

func fileName(m Mapping) string { return strings.ReplaceAll(m.File, "\x00", "") }

// noteSize is what a note takes.
func noteSize(owner string, n int) int { return noteHead + align4(len(owner)+1) + align4(n) }

func align4(n int) int { return (n + 3) &^ 3 }

// appendNote appends a note.
func appendNote(b []byte, owner string, kind uint32, desc []byte) []byte {
	var head [noteHead]byte
	le := binary.LittleEndian
	le.PutUint32(head[:], uint32(len(owner)+1))
	le.PutUint32(head[4:], uint32(len(desc)))
	le.PutUint32(head[8:], kind)
	b = append(b, head[:]...)
	b = append(b, owner...)
	b = append(b, make([]byte, align4(len(owner)+1)-len(owner))...)
	b = append(b, desc...)
	return append(b, make([]byte, align4(len(desc))-len(desc))...)
}

// coreNotes are the notes that every core has, of a dump that fits. The first
// thread's comes first: debuggers take it for the one that matters.
func coreNotes(d *Dump) []byte {
	var b []byte
	rest := d.Threads
	if len(rest) > 0 {
		if s := prstatus(&d.Process, &rest[0]); s != nil {
			b = appendNote(b, owner, ntPrstatus, s)
		}
		rest = rest[1:]
	}
	b = appendNote(b, owner, ntPrpsinfo, prpsinfo(d))
	if d.Reason.Signal != 0 {
		b = appendNote(b, owner, ntSiginfo, siginfo(&d.Reason))
	}
	if len(d.Auxv) > 0 {
		b = appendNote(b, owner, ntAuxv, d.Auxv)
	}
	if len(d.Mappings) > 0 {
		b = appendNote(b, owner, ntFile, files(d.Mappings))
	}
	for i := range rest {
		if s := prstatus(&d.Process, &rest[i]); s != nil {
			b = appendNote(b, owner, ntPrstatus, s)
		}
	}
	return b
}

// program is a program header.
type program struct {
	kind, flags         uint32
	offset, addr, size  uint64
	inMemory, alignment uint64
}

func (p program) append(b []byte) []byte {
	var e [programSize]byte
	le := binary.LittleEndian
	le.PutUint32(e[:], p.kind)
	le.PutUint32(e[4:], p.flags)
	le.PutUint64(e[8:], p.offset)
	le.PutUint64(e[16:], p.addr)
	le.PutUint64(e[32:], p.size)
	le.PutUint64(e[40:], p.inMemory)
	le.PutUint64(e[48:], p.alignment)
	return append(b, e[:]...)
}

// header is the ELF header of a file with n program headers.
func header(arch string, n int) []byte {
	b := make([]byte, headerSize)
	copy(b, "\x7fELF\x02\x01\x01")
	le := binary.LittleEndian
	le.PutUint16(b[16:], typeCore)
	le.PutUint16(b[18:], machines[arch].number)
	le.PutUint32(b[20:], 1)
	le.PutUint64(b[32:], headerSize)
	le.PutUint16(b[52:], headerSize)
	le.PutUint16(b[54:], programSize)
	le.PutUint16(b[56:], uint16(n))
	return b
}
