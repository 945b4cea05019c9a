package observe

import (
	"fmt"

	"github.com/lifesign-go/lifesign/internal/look"
	"github.com/lifesign-go/lifesign/internal/page"
	"github.com/lifesign-go/lifesign/internal/sample"
)

// NewSampler returns a sampler of the process that claims p. Stack frames name
// their files as rename has it, which is given the names in the program's line
// table; nil leaves these as they are.
func NewSampler(p *Page, rename func(file string) string) (*sample.Sampler, error) {
	return NewCopySampler(p.mem, rename)
}

// NewCopySampler returns a sampler of the process that has claimed the page in mem: a
// copy, say, for one sample.
func NewCopySampler(mem []byte, rename func(file string) string) (*sample.Sampler, error) {
	if rename == nil {
		rename = func(file string) string { return file }
	}
	r, err := page.NewReader(mem)
	if err != nil {
		return nil, err
	}
	return sample.New(sample.Source{
		Page: r,
		Symbols: func(pid int, anchor uint64) (look.Symbols, uint64, error) {
			s, err := loadSymbols(fmt.Sprintf("/proc/%d/exe", pid), anchor)
			if err != nil {
				return nil, 0, err
			}
			s.rename = rename
			return s, s.allgs, nil
		},
	}), nil
}
