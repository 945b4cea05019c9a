package mimic

import (
	"strings"

	"github.com/lifesign-go/lifesign/event"
)

// lack says why there is no mimic of an operation.
type lack string

// What a mimic may lack.
const (
	lacksNothing lack = ""
	isCollected  lack = "collected" // the program has no more use for the handle
	isClosed     lack = "closed"
	isForeign    lack = "foreign" // the handle is of a type that is not known here
	isNoFile     lack = "nofile"  // a pipe, a terminal, a device, memory
	isShort      lack = "short"   // fewer arguments than the operation has
)

// nobody is a mimic of which nothing is known.
func nobody(d event.Deed) event.Mimic { return event.Mimic{Deed: d, FD: -1, Offset: -1} }

// fill makes the mimics of the operation d that was given c.
func fill(d event.Deed, c capture) ([]event.Mimic, lack) {
	m := nobody(d)
	why := lacksNothing
	switch d {
	case event.DoWrite:
		why = fillWrite(&m, c)
	case event.DoSync:
		_, _, why = file(&m, c)
	case event.DoRead:
		why = fillRead(&m, c)
	case event.DoTruncate:
		var numbers []int64
		if numbers, _, why = file(&m, c); why == lacksNothing {
			if m.Size, _ = pop(&numbers); m.Size < 0 {
				m.Size = 0
			}
		}
	case event.DoOpen:
		why = textual(&m, c)
	case event.DoDirectory:
		return directories(c)
	case event.DoDial, event.DoHandshake:
		why = target(&m, c)
	case event.SeeConnection:
		why = connection(&m, c)
	case event.SeeListener:
		why = listener(&m, c)
	default:
		why = isForeign
	}
	if why != lacksNothing {
		return nil, why
	}
	return []event.Mimic{m}, lacksNothing
}

// fillWrite: what is written to, then Bytes (or a Text), then an offset if it is
// written there.
func fillWrite(m *event.Mimic, c capture) lack {
	numbers, texts, why := file(m, c)
	if why != lacksNothing {
		return why
	}
	m.Data, m.Size = c.Data(), int64(c.Size())
	if m.Size == 0 && len(texts) > 0 {
		m.Data, m.Size = []byte(texts[0]), int64(len(texts[0]))
		if len(m.Data) > maxData {
			m.Data = m.Data[:maxData]
		}
	}
	if at, ok := pop(&numbers); ok && at >= 0 {
		m.Offset = at
	}
	return lacksNothing
}

// fillRead: what is read from, then how much, then an offset if it is read there.
func fillRead(m *event.Mimic, c capture) lack {
	numbers, _, why := file(m, c)
	if why != lacksNothing {
		return why
	}
	if m.Size, _ = pop(&numbers); m.Size < 0 {
		m.Size = 0
	}
	if at, ok := pop(&numbers); ok && at >= 0 {
		m.Offset = at
	}
	return lacksNothing
}

// file fills in which file the operation is on: of a handle, a path, a mapping or
// a descriptor. It returns the numbers and texts that are left.
func file(m *event.Mimic, c capture) (numbers []int64, texts []string, why lack) {
	numbers, texts = c.Numbers(), c.Texts()
	switch {
	case c.Handled():
		return numbers, texts, open(m, c.Value())
	case len(texts) > 0:
		m.Path = absolute(texts[0])
		return numbers, texts[1:], onDisk(m.Path)
	case c.Mapped() != 0:
		m.Path = mappedAt(c.Mapped())
		return numbers, texts, onDisk(m.Path)
	}
	fd, ok := pop(&numbers)
	if !ok || fd < 0 || fd > 1<<30 {
		return nil, nil, isShort
	}
	m.FD = int(fd)
	return numbers, texts, lacksNothing
}

// pop takes the first number away.
func pop(numbers *[]int64) (n int64, ok bool) {
	if len(*numbers) == 0 {
		return 0, false
	}
	n = (*numbers)[0]
	*numbers = (*numbers)[1:]
	return n, true
}

func textual(m *event.Mimic, c capture) lack {
	texts := c.Texts()
	if len(texts) == 0 {
		return isShort
	}
	m.Path = absolute(texts[0])
	return onDisk(m.Path)
}

// directories: one or two paths of which the entries change; both if they are in
// different directories.
func directories(c capture) (list []event.Mimic, why lack) {
	texts := c.Texts()
	if len(texts) == 0 {
		return nil, isShort
	}
	if len(texts) > 2 {
		texts = texts[:2]
	}
	before := ""
	for _, text := range texts {
		m := nobody(event.DoDirectory)
		m.Path = absolute(text)
		dir := m.Path[:strings.LastIndexByte(m.Path, '/')+1]
		if why = onDisk(m.Path); why == lacksNothing && (len(list) == 0 || dir != before) {
			list = append(list, m)
		}
		before = dir
	}
	if len(list) > 0 {
		why = lacksNothing
	}
	return list, why
}

// target fills in what is connected to: a network and an address, or a URL.
func target(m *event.Mimic, c capture) lack {
	switch texts := c.Texts(); len(texts) {
	case 0:
		return isShort
	case 1:
		// A client may go by a proxy, or have its own way of dialling.
		m.Numbers = map[string]int64{event.Indirect: 1}
		return urlTarget(m, texts[0])
	default:
		m.Network, m.Address = texts[0], texts[1]
	}
	if m.Network == "" || m.Address == "" {
		return isShort
	}
	return lacksNothing
}

// urlTarget understands a URL as far as its host, or an address alone. Nothing
// else of a URL leaves the program: it may have names and secrets in it.
func urlTarget(m *event.Mimic, url string) lack {
	m.Network = "tcp"
	scheme, rest := "", url
	if i := strings.Index(url, "://"); i >= 0 {
		scheme, rest = strings.ToLower(url[:i]), url[i+3:]
	}
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		rest = rest[i+1:]
	}
	port := ""
	switch scheme {
	case "":
	case "http", "ws":
		port = "80"
	case "https", "wss":
		port, m.Deed = "443", event.DoHandshake
	default:
		return isForeign
	}
	hasPort := strings.LastIndexByte(rest, ':') > strings.LastIndexByte(rest, ']')
	switch {
	case rest == "" || strings.HasPrefix(rest, ":"), !hasPort && port == "":
		return isShort
	case !hasPort:
		rest += ":" + port
	}
	m.Address = rest
	return lacksNothing
}

// onDisk says whether a path may be that of a file on a disk. What is not
// absolute is no path: "pipe:[17]".
func onDisk(path string) lack {
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "/dev/") && !strings.HasPrefix(path, "/dev/shm/") ||
		strings.HasPrefix(path, "/proc/") || strings.HasPrefix(path, "/memfd:") || strings.HasPrefix(path, "/anon_hugepage") {
		return isNoFile
	}
	return lacksNothing
}
