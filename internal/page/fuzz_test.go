package page

import (
	"testing"
	"unsafe"
)

// FuzzReader writes anything over a page: reading it may fail and may not
// crash, and what it gives must be in bounds.
func FuzzReader(f *testing.F) {
	f.Add([]byte(nil), uint16(0))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff"), uint16(192+4*8))
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 1}, uint16(24))
	f.Fuzz(func(t *testing.T, b []byte, at uint16) {
		mem := filled(t)
		if int(at) < len(mem) {
			copy(mem[at:], b)
		}
		r, err := NewReader(mem)
		if err != nil {
			return
		}
		var got Reading
		for i := 0; i < 2; i++ {
			if r.Read(&got) != nil {
				return
			}
		}
		if len(got.Goroutines) != len(got.G) || len(got.Goroutines) > len(mem)/CellSize || len(got.Orphans) > len(mem)/int(unsafe.Sizeof(Orphan{})) {
			t.Errorf("%d goroutines, %d gs, %d orphans out of %d bytes", len(got.Goroutines), len(got.G), len(got.Orphans), len(mem))
		}
		r.Layout()
	})
}

func FuzzParseSite(f *testing.F) {
	for _, s := range someSites {
		f.Add(string(AppendSite(nil, s)))
	}
	f.Fuzz(func(t *testing.T, row string) {
		s, err := ParseSite(row)
		if err != nil {
			return
		}
		if again, err := ParseSite(string(AppendSite(nil, s))); err != nil || again != s {
			t.Errorf("%+v became %+v, %v", s, again, err)
		}
	})
}

func FuzzParseLayout(f *testing.F) {
	f.Add("go1.26.8 amd64 g.goid=152 reason.9=chan_receive")
	f.Fuzz(func(t *testing.T, text string) {
		if l, err := ParseLayout(text); err == nil && (l.GoVersion == "" || l.Arch == "") {
			t.Errorf("ParseLayout(%q) = %+v", text, l)
		}
	})
}

func FuzzParseNote(f *testing.F) {
	f.Add(appendNote(someNote, 480))
	f.Add("\t\t\t\t0\t\t\t0\t")
	f.Fuzz(func(t *testing.T, text string) {
		n, err := parseNote(text)
		if err != nil {
			return
		}
		again, err := parseNote(appendNote(n, 1<<20))
		if err != nil || again.What != n.What || again.Place != n.Place || again.Verdict != n.Verdict {
			t.Errorf("%+v became %+v, %v", n, again, err)
		}
	})
}

func FuzzParseMimic(f *testing.F) {
	f.Add(appendMimic(someMimic, 2000))
	f.Add("own\t0\t\t-1\t\t\t0\t0\tit \\n says so\t")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := parseMimic(text)
		if err != nil {
			return
		}
		again, err := parseMimic(appendMimic(m, 1<<20))
		if err != nil || again.Deed != m.Deed || again.Pass != m.Pass || len(again.Chain) != len(m.Chain) || again.Size != m.Size || len(again.Numbers) != len(m.Numbers) {
			t.Errorf("%+v became %+v, %v", m, again, err)
		}
	})
}
