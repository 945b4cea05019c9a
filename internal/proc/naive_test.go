package proc

import (
	"fmt"
	"strconv"
	"strings"
)

// The naive twins of the parsers: what one would write at first.

func naiveSchedstat(text string) (s schedstatText, err error) {
	f := strings.Fields(text)
	if len(f) < 3 {
		return s, fmt.Errorf("%d fields", len(f))
	}
	ran, err1 := strconv.ParseInt(f[0], 10, 64)
	waited, err2 := strconv.ParseInt(f[1], 10, 64)
	slices, err3 := strconv.ParseUint(f[2], 10, 64)
	if err1 != nil || err2 != nil || err3 != nil {
		return s, fmt.Errorf("no figures")
	}
	return schedstatText{ran, waited, slices}, nil
}
