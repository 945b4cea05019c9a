package weave

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// mapperVersion is part of what the go command's build cache goes by where
// MapTool has changed what cover makes. It grows when MapTool does otherwise.
const mapperVersion = "lifesign2"

// mapperFlag returns the flag that makes the go command run its tools by way of
// MapTool, and that by way of the user's own -toolexec.
func (b *builder) mapperFlag() (string, error) {
	if len(b.cfg.Mapper) == 0 {
		return "", errors.New("coverage and tests need a command that maps files, and the configuration has none")
	}
	user := splitQuoted(flagValues(b.env, b.cfg)["toolexec"])
	args := append(slices.Clip(b.cfg.Mapper), filepath.Join(b.temp, overlayFile), strconv.Itoa(len(user)))
	joined, err := joinQuoted(append(args, user...))
	return "-toolexec=" + joined, err
}

// MapTool runs one of the go command's tools and returns its exit status. args
// are the file with the overlay, the number of words of the user's own -toolexec,
// these, the tool, and its arguments.
//
// The go command has the compiler read woven files in the place of the plain
// ones, but not cover, which reads what it is told to and would give the
// compiler files without hooks. So what cover makes is woven after it, see
// covered. And vet, which judges the user's code, is told to read the plain
// files.
func MapTool(args []string, stdout, stderr io.Writer) int {
	status, err := mapTool(args, stdout, stderr)
	if err != nil {
		fmt.Fprintf(stderr, "lifesign: %v\n", err)
		return 1
	}
	return status
}

func mapTool(args []string, stdout, stderr io.Writer) (int, error) {
	if len(args) < 3 {
		return 0, errors.New("this command is for the go command alone")
	}
	n, err := strconv.Atoi(args[1])
	if err != nil || n < 0 || len(args) < 3+n {
		return 0, fmt.Errorf("%q is not a number of words", args[1])
	}
	m := mapper{command: args[2:], tool: 2 + n, stdout: stdout, stderr: stderr}
	m.args = m.command[n+1:]
	m.command = m.command[:n+1]
	switch strings.TrimSuffix(filepath.Base(m.command[n]), ".exe") {
	case "cover", "vet":
	default:
		return m.replace()
	}
	if m.overlay, err = readOverlay(args[0]); err != nil {
		return 0, err
	}
	switch {
	case filepath.Base(m.command[n]) == "vet":
		return m.vet()
	case slices.Contains(m.args, "-V=full"):
		return m.version()
	}
	return m.cover()
}

// mapper is one run of a tool.
type mapper struct {
	command        []string // the tool, behind the user's own -toolexec
	tool           int
	args           []string // of the tool
	overlay        map[string]string
	stdout, stderr io.Writer
}

func readOverlay(name string) (map[string]string, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var overlay struct{ Replace map[string]string }
	if err := json.Unmarshal(data, &overlay); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return overlay.Replace, nil
}

// replace lets the tool take this process's place.
func (m mapper) replace() (int, error) {
	path, err := exec.LookPath(m.command[0])
	if err != nil {
		return 0, err
	}
	return 0, syscall.Exec(path, append(slices.Clip(m.command), m.args...), os.Environ())
}

// run runs the tool with args and returns its exit status.
func (m mapper) run(stdout io.Writer, args []string) (int, error) {
	all := append(slices.Clip(m.command), args...)
	cmd := exec.Command(all[0], all[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, stdout, m.stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	return 0, err
}

// version prints the tool's version as one of its own.
func (m mapper) version() (int, error) {
	var out bytes.Buffer
	status, err := m.run(&out, m.args)
	if err == nil && status == 0 {
		out.Truncate(len(bytes.TrimRight(out.Bytes(), "\n")))
		out.WriteString(" X:" + mapperVersion + "\n")
	}
	m.stdout.Write(out.Bytes())
	return status, err
}

// vet has vet read the plain files. The go command hands it their names in a
// file.
func (m mapper) vet() (int, error) {
	config := ""
	if n := len(m.args); n > 0 && strings.HasSuffix(m.args[n-1], ".cfg") {
		config = m.args[n-1]
	}
	if config == "" {
		return m.replace() // it is asked about itself
	}
	data, err := os.ReadFile(config)
	if err != nil {
		return 0, err
	}
	if data, err = m.plainFiles(data); err != nil {
		return 0, fmt.Errorf("read %s: %w", config, err)
	}
	mapped := strings.TrimSuffix(config, ".cfg") + "-plain.cfg"
	if err := os.WriteFile(mapped, data, 0o666); err != nil {
		return 0, err
	}
	m.args = append(slices.Clone(m.args[:len(m.args)-1]), mapped)
	return m.replace()
}

// plainFiles returns vet's configuration with plain files in the place of the
// woven ones, and without those that weaving has added.
func (m mapper) plainFiles(config []byte) ([]byte, error) {
	plain := make(map[string]string)
	for name, woven := range m.overlay {
		plain[woven] = name
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(config, &fields); err != nil {
		return nil, err
	}
	var files, kept []string
	if err := json.Unmarshal(fields["GoFiles"], &files); err != nil {
		return nil, err
	}
	for _, f := range files {
		name := f
		if p, ok := plain[f]; ok {
			name = p
		}
		if _, err := os.Stat(name); err == nil {
			kept = append(kept, name)
		}
	}
	var err error
	if fields["GoFiles"], err = json.Marshal(kept); err != nil {
		return nil, err
	}
	return json.Marshal(fields)
}
