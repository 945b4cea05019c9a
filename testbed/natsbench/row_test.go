package main

import "testing"

func TestRow(t *testing.T) {
	m := measure{name: "publish", unit: "msg/s", want: 0.99}
	got := row(m, []float64{100, 200, 100}, []float64{90, 210, 100})
	want := "publish                                 100          100  msg/s    1.000  0.900 to 1.050  0.99"
	if got != want {
		t.Errorf("row is\n%s\nwant\n%s", got, want)
	}
}

func TestMedian(t *testing.T) {
	tests := []struct {
		name string
		v    []float64
		want float64
	}{
		{"one", []float64{3}, 3},
		{"odd", []float64{9, 1, 5}, 5},
		{"even", []float64{4, 1, 2, 9}, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := median(tt.v); got != tt.want {
				t.Errorf("median(%v) = %v, want %v", tt.v, got, tt.want)
			}
		})
	}
}
