package hook

import "testing"

func TestDeferredCallIsInFlight(t *testing.T) {
	alone(func() {
		var got []int
		one := func() error { expect(t, "call"); got = append(got, 1); return nil }
		two := func(n int) bool { expect(t, "call"); got = append(got, n); return true }
		func() {
			n := 2
			defer Deferred(siteOther, one)
			defer Deferred1(siteOther, two, n)
			n = 3
			expect(t, "")
		}()
		expect(t, "")
		if len(got) != 2 || got[0] != 2 || got[1] != 1 {
			t.Errorf("called with %v", got)
		}
		func() {
			defer func() {
				if r := recover(); r != "deferred" {
					t.Errorf("recovered %v", r)
				}
			}()
			defer Deferred(siteOther, func() int { panic("deferred") })
			panic("first")
		}()
		expect(t, "")
	})
}

// What is left by a return has come to its end too: the guard is what sees it.
func TestUnwindFinishes(t *testing.T) {
	alone(func() {
		vitals.Done[siteOther] = 0
		func() {
			defer Unwind(Here())
			Enter(siteOther)
		}()
		if vitals.Done[siteOther] == 0 {
			t.Error("the site is not done")
		}
	})
}
