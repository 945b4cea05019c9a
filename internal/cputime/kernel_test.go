package cputime

import "testing"

func TestByVersion(t *testing.T) {
	for release, want := range map[string]Verdict{
		"6.18.44-fc-v657 #1":        NotAffected,
		"4.3.0":                     NotAffected,
		"4.3-rc1":                   NotAffected,
		"10.0":                      NotAffected,
		"4.2.8-200.fc22.x86_64":     CannotTell,
		"3.10.0-1160.el7.x86_64":    CannotTell,
		"2.6.32-754.el6":            CannotTell,
		"":                          CannotTell,
		"Linux":                     CannotTell,
		"4":                         CannotTell,
		"4.":                        CannotTell,
		"-5.3":                      CannotTell,
		"99999999999999999999999.1": CannotTell,
	} {
		if got, why := ByVersion(release); got != want || why == "" {
			t.Errorf("%q: %s (%s), want %s", release, got, why, want)
		}
	}
}

func TestJudge(t *testing.T) {
	for _, test := range []struct{ version, behaviour, want Verdict }{
		{NotAffected, NotAffected, NotAffected},
		{NotAffected, CannotTell, NotAffected},
		{NotAffected, Affected, Affected}, // a number can be wrong, what was seen was seen
		{CannotTell, NotAffected, CannotTell},
		{CannotTell, CannotTell, CannotTell},
		{CannotTell, Affected, Affected},
	} {
		if got := Judge(test.version, test.behaviour); got != test.want {
			t.Errorf("by version %s, by behaviour %s: %s, want %s", test.version, test.behaviour, got, test.want)
		}
	}
}

func TestEvidence(t *testing.T) {
	for _, test := range []struct {
		e    Evidence
		want Verdict
		why  string
	}{
		{Evidence{}, CannotTell, "there is no process of which the clock could be read"},
		{Evidence{Processes: 100, Stretches: 2}, CannotTell, "there were 2 stretches of 100 ms of CPU time, and it takes 3"},
		{Evidence{Processes: 1, Stretches: 3, Behind: 17.9e6}, NotAffected, "in 3 stretches of 100 ms of CPU time it kept within 17.9 ms of what was run"},
		{Evidence{Processes: 1, Stretches: 3, Behind: 51e6}, CannotTell, "it was 51.0 ms behind what was run, which this fault does not do"},
		{Evidence{Processes: 1, Stretches: 3, Still: 1}, CannotTell, "it stood still once, in a stretch of 100 ms of CPU time"},
		{Evidence{Processes: 1, Stretches: 3, Still: 2}, Affected, "in 2 of 3 stretches of 100 ms of CPU time it stood still, 0 times it leapt, and it was up to 0.0 ms ahead"},
		{Evidence{Processes: 1, Leaps: 1}, Affected, "in 0 of 0 stretches of 100 ms of CPU time it stood still, 1 times it leapt, and it was up to 0.0 ms ahead"},
		{Evidence{Processes: 1, Ahead: 1, MostAhead: 51e6}, Affected, "in 0 of 0 stretches of 100 ms of CPU time it stood still, 0 times it leapt, and it was up to 51.0 ms ahead"},
	} {
		if got, why := test.e.Verdict(), test.e.Why(); got != test.want || why != test.why {
			t.Errorf("%+v: %s: %s\nwant %s: %s", test.e, got, why, test.want, test.why)
		}
	}
	sum := Evidence{1, 2, 3, 4, 5, 60, 7}
	sum.Add(Evidence{10, 20, 30, 40, 50, 6, 70})
	if want := (Evidence{11, 22, 33, 44, 55, 60, 70}); sum != want {
		t.Errorf("the sum is %+v, want %+v", sum, want)
	}
}
