package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// keys reads a unit's lines as systemd does: names and values, without comments.
func keys(t *testing.T, unit string) map[string]string {
	t.Helper()
	got := map[string]string{}
	for _, line := range strings.Split(unit, "\n") {
		if line == "" || line[0] == '#' || line[0] == '[' {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			t.Errorf("no key: %q", line)
		}
		got[name] = value
	}
	return got
}

func TestUnit(t *testing.T) {
	unit := func(args ...string) string {
		var out, errs bytes.Buffer
		if status := unitCommand(context.Background(), args, &out, &errs); status != 0 {
			t.Fatalf("%v: status %d\n%s", args, status, errs.String())
		}
		return out.String()
	}
	survives := unit("-restart", "on-crash", "-name=shop", "-watchdog", "5s", "-grace", "20s", "--", "sleep", "5 m", "100%", "$HOME")
	k := keys(t, survives)
	for name, want := range map[string]string{
		"Type": "notify", "KillMode": "process", "Restart": "always", "Delegate": "yes", "WatchdogSec": "5s",
		"RuntimeDirectory": "lifesign-shop", "RuntimeDirectoryPreserve": "restart", "TimeoutStopSec": "32s", "NotifyAccess": "main",
	} {
		if k[name] != want {
			t.Errorf("%s=%s, want %s", name, k[name], want)
		}
	}
	sleep, _ := exec.LookPath("sleep")
	if want := `run -restart on-crash -grace 20s -state %t/lifesign-shop -- ` + sleep + ` "5 m" 100%% $$HOME`; !strings.HasSuffix(k["ExecStart"], want) {
		t.Errorf("ExecStart=%s, want …%s", k["ExecStart"], want)
	}
	falls := unit("-mimics", "off", "--", "sleep", "1")
	if k := keys(t, falls); k["KillMode"] != "mixed" || k["Restart"] != "on-failure" || !strings.Contains(k["ExecStart"], "run -restart no -mimics off -- ") {
		t.Errorf("without -restart:\n%s", falls)
	}
	verify(t, survives)
	verify(t, falls)
	for _, bad := range [][]string{{"--", "there-is-none"}, {"."}, {"-name", "a b", "--", "sleep"}, {"-watchdog", "1ms", "--", "sleep"}, {"-name"}} {
		var out, errs bytes.Buffer
		if status := unitCommand(context.Background(), bad, &out, &errs); status == 0 || errs.Len() == 0 {
			t.Errorf("%v: status %d\n%s%s", bad, status, out.String(), errs.String())
		}
	}
}

// verify has systemd itself read a unit, where it is installed.
func verify(t *testing.T, unit string) {
	t.Helper()
	tool, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Log("there is no systemd-analyze: the unit was read by this test alone")
		return
	}
	name := filepath.Join(t.TempDir(), "shop.service")
	if err := os.WriteFile(name, []byte(unit), 0o644); err != nil {
		t.Fatal(err)
	}
	out, _ := exec.Command(tool, "verify", "--man=no", name).CombinedOutput()
	// Of other units of the machine it may have something to say, too.
	for _, line := range strings.Split(string(out), "\n") {
		if strings.Contains(line, "shop.service") && !strings.Contains(line, "is not executable") {
			t.Errorf("systemd-analyze verify: %s\n%s", line, unit)
		}
	}
	t.Logf("systemd-analyze verify says: %q", out)
}
