package dump

import (
	"bytes"
	"regexp"
	"strings"
	"sync"

	"github.com/lifesign-go/lifesign/event"
)

// Rules say what of a program may be in a dump. The zero Rules allow no variable of
// the environment, no arguments of functions, no log and no memory, and know no
// secrets.
type Rules struct {
	Env       []string // names of variables whose values are kept; "GO*" stands for all that begin with GO
	Secrets   []Secret // what is made unreadable
	Arguments bool     // the words that functions were called with are kept in Text
	Log       bool     // lines of the program's log are kept
	Memory    bool     // memory is kept
}

// Secret is how a kind of secret is known.
type Secret struct {
	// Pattern is what matches: its first parenthesised part is the secret, or all of it.
	Pattern *regexp.Regexp
	// Words are in lower case, and with one of them whatever matches begins, be it in
	// capitals or not. They are looked for first, which is a hundred times as fast.
	// Without any, all of memory is matched.
	Words []string
}

// Redacted stands for a secret in a text. In memory it is as many asterisks as the
// secret had bytes.
const Redacted = "[redacted]"

// usualEnv are variables that say how a program was run and where, and have no
// secrets. Not GO*: GOPROXY and GOAUTH may have one.
var usualEnv = []string{
	"GOMAXPROCS", "GOGC", "GOMEMLIMIT", "GODEBUG", "GOTRACEBACK", "GORACE", "GOCOVERDIR", "GOEXPERIMENT",
	"LANG", "LC_*", "TZ", "HOSTNAME", "USER", "PWD", "PATH", "SHLVL", "INVOCATION_ID", "NOTIFY_SOCKET", "LISTEN_*", "LIFESIGN_*",
}

const secretNames = `(?:pass(?:word|wd|phrase)?|[_-]pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?|authorization|cookie)`

// patterns are compiled when they are first wanted: the package is in programs that
// never make a dump.
var patterns struct {
	once     sync.Once
	secrets  []Secret
	flag     *regexp.Regexp // of a command line, whose value is the argument after it
	argument *regexp.Regexp // the words of a function in a stack: "(0x1, {0x2, ...}, 0x3?)"
}

func compile() {
	secret := func(pattern string, words ...string) {
		patterns.secrets = append(patterns.secrets, Secret{regexp.MustCompile(pattern), words})
	}
	// name=value, "name": "value", Name: Bearer value
	secret(`(?i)`+secretNames+`\w*["']?\s*[:=]\s*["']?(?:(?:bearer|basic|digest)\s+)?([^\s"',;&]{3,})`,
		"pass", "_pwd", "-pwd", "secret", "token", "api", "access", "private", "credential", "authorization", "cookie")
	secret(`(?i)(?:bearer|basic)\s+([a-z0-9+/_.=~-]{8,})`, "bearer", "basic")
	secret(`://[^/\s:@]*:([^@\s/]+)@`, "://")
	secret(`((?:AKIA|ASIA)[0-9A-Z]{16})`, "akia", "asia")
	secret(`(eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*)`, "eyj")
	secret(`-----BEGIN [A-Z ]*PRIVATE KEY-----\s*([A-Za-z0-9+/=\s:,-]+)`, "-----begin")
	patterns.flag = regexp.MustCompile(`(?i)^--?[\w-]*` + secretNames + `[\w-]*$`)
	patterns.argument = regexp.MustCompile(`(?m)\((?:0x|\{)[^()\n]*\)$`)
}

// UsualRules are the rules if nobody says otherwise: a short list of variables,
// passwords, tokens, keys and cookies by their names and by their form, no arguments
// of functions; log and memory are kept.
func UsualRules() Rules {
	patterns.once.Do(compile)
	return Rules{Env: append([]string(nil), usualEnv...), Secrets: append([]Secret(nil), patterns.secrets...), Log: true, Memory: true}
}

// Apply takes out of d what may not be in it. It is for before d is written; lists
// that it changes it copies first, but memory is changed where it is.
func (r Rules) Apply(d *Dump) {
	patterns.once.Do(compile)
	d.Env = r.env(d.Env)
	d.Args = r.args(d.Args)
	d.Reason.What = r.text(d.Reason.What)
	if !r.Arguments {
		d.Text = patterns.argument.ReplaceAllString(d.Text, "(...)")
	}
	d.Text = r.text(d.Text)
	if d.Log = r.texts(d.Log); !r.Log {
		d.Log = nil
	}
	d.Missing = r.texts(d.Missing)
	d.Mimics = append([]Mimic(nil), d.Mimics...)
	for i := range d.Mimics {
		d.Mimics[i].What, d.Mimics[i].Text = r.text(d.Mimics[i].What), r.text(d.Mimics[i].Text)
	}
	d.Threads = append([]Thread(nil), d.Threads...)
	for i := range d.Threads {
		d.Threads[i].Call = r.text(d.Threads[i].Call)
	}
	d.Findings = append([]event.Finding(nil), d.Findings...)
	for i := range d.Findings {
		r.finding(&d.Findings[i])
	}
	if !r.Memory {
		d.Memory = nil
	}
	for _, s := range d.Memory {
		lower := lowered(s.Data)
		for _, secret := range r.Secrets {
			secret.hide(s.Data, lower)
		}
	}
}

// env keeps variables that are on the list.
func (r Rules) env(all []string) (kept []string) {
	for _, v := range all {
		name, _, _ := strings.Cut(v, "=")
		for _, allowed := range r.Env {
			prefix := strings.TrimSuffix(allowed, "*")
			if name == allowed || prefix != allowed && strings.HasPrefix(name, prefix) {
				kept = append(kept, r.text(v))
				break
			}
		}
	}
	return kept
}

func (r Rules) args(all []string) (kept []string) {
	hide := false
	for _, a := range all {
		if hide && len(r.Secrets) > 0 {
			a = Redacted
		}
		hide = patterns.flag.MatchString(a)
		kept = append(kept, r.text(a))
	}
	return kept
}

func (r Rules) texts(all []string) (kept []string) {
	for _, s := range all {
		kept = append(kept, r.text(s))
	}
	return kept
}

func (r Rules) finding(f *event.Finding) {
	f.What = r.text(f.What)
	evidence := append([]event.Evidence(nil), f.Evidence...)
	for i := range evidence {
		evidence[i].Text = r.text(evidence[i].Text)
	}
	f.Evidence = evidence
}

// text makes secrets in a text unreadable.
func (r Rules) text(s string) string {
	for _, secret := range r.Secrets {
		if !secret.mayBeIn(s) {
			continue
		}
		var b strings.Builder
		last := 0
		for _, m := range secret.Pattern.FindAllStringSubmatchIndex(s, -1) {
			from, to := part(m)
			if from < last || s[from:to] == Redacted {
				continue
			}
			b.WriteString(s[last:from])
			b.WriteString(Redacted)
			last = to
		}
		if last > 0 {
			s = b.String() + s[last:]
		}
	}
	return s
}

func (s Secret) mayBeIn(text string) bool {
	text = strings.ToLower(text)
	for _, word := range s.Words {
		if strings.Contains(text, word) {
			return true
		}
	}
	return len(s.Words) == 0
}

// part is what of a match is the secret.
func part(m []int) (from, to int) {
	if len(m) >= 4 && m[2] >= 0 {
		return m[2], m[3]
	}
	return m[0], m[1]
}

// lowered returns b with letters of ASCII in lower case, and so of the same length.
func lowered(b []byte) []byte {
	lower := append([]byte(nil), b...)
	for i, c := range lower {
		if 'A' <= c && c <= 'Z' {
			lower[i] = c + 'a' - 'A'
		}
	}
	return lower
}

// A secret in memory is looked for in windows that begin with a word of its. The next
// one begins before the last one's end, for what is in two of them.
const (
	window = 4096
	stride = 3072
)

// hide puts asterisks over secrets in memory.
func (s Secret) hide(b, lower []byte) {
	if len(s.Words) == 0 {
		s.mask(b)
		return
	}
	for _, word := range s.Words {
		w := []byte(word)
		for at := 0; ; {
			i := bytes.Index(lower[at:], w)
			if i < 0 {
				break
			}
			at += i
			n := 0
			for n < window && at+n < len(b) && readable(b[at+n]) {
				n++
			}
			s.mask(b[at : at+n])
			if n > stride {
				n = stride
			}
			at += n
		}
	}
}

func readable(c byte) bool { return ' ' <= c && c <= '~' || c == '\n' || c == '\t' || c == '\r' }

func (s Secret) mask(text []byte) {
	for _, m := range s.Pattern.FindAllSubmatchIndex(text, -1) {
		from, to := part(m)
		for i := from; i < to; i++ {
			text[i] = '*'
		}
	}
}
