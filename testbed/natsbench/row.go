package main

import (
	"fmt"
	"slices"
)

// row compares the runs of a measure. Runs with the same index were neighbours
// in time.
func row(m measure, plain, woven []float64) string {
	ratios := make([]float64, len(plain))
	for i := range plain {
		ratios[i] = woven[i] / plain[i]
	}
	return fmt.Sprintf("%-30s %12.0f %12.0f  %-6s %7.3f  %.3f to %.3f  %.2f",
		m.name, median(plain), median(woven), m.unit, median(woven)/median(plain), slices.Min(ratios), slices.Max(ratios), m.want)
}

// median of an even number of values is the mean of the two in the middle.
func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	n := len(s)
	if n%2 == 1 {
		return s[n/2]
	}
	return (s[n/2-1] + s[n/2]) / 2
}
