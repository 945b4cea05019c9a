package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"sort"
	"strings"
	"sync"
)

// Player is what is kept of a player. What a player has is worth what everybody
// begins with, plus what was received and less what was given: wealth.
type Player struct {
	ID       int
	Gold     int
	Items    int // worth price each
	Given    int // gold, in all
	Received int
	Changes  int // how often any of it has changed
}

const (
	wealth = 1000
	price  = 10
)

// wrong says what of p cannot be, "" if all can.
func (p Player) wrong() string {
	has, should := p.Gold+price*p.Items, wealth+p.Received-p.Given
	if has != should || p.Gold < 0 || p.Items < 0 {
		return fmt.Sprintf("player %d has %d gold and %d items, worth %d, and should have %d", p.ID, p.Gold, p.Items, has, should)
	}
	return ""
}

// record is what is written at once: as a whole, or not at all.
type record struct {
	Players []Player    `json:",omitempty"`
	Mail    map[int]int `json:",omitempty"` // gold that waits for players, by id, from now on
}

// store is a file of records, the newest last. It may be used by any number of
// goroutines.
type store struct {
	mu      sync.Mutex // guards what follows
	file    *os.File
	players map[int]Player
	mail    map[int]int
}

// openStore reads the store in the file name, which need not exist yet.
func openStore(name string) (*store, error) {
	st := &store{players: map[int]Player{}, mail: map[int]int{}}
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	st.file = file
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r record
		if !decode(lines.Text(), &r) {
			continue // a write that was cut off
		}
		st.apply(r)
	}
	if err := lines.Err(); err != nil {
		file.Close()
		return nil, fmt.Errorf("read the store: %w", err)
	}
	return st, nil
}

func encode(r record) ([]byte, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	// The line before may have been cut off: an empty one ends it.
	return []byte(fmt.Sprintf("\n%08x %s\n", crc32.ChecksumIEEE(text), text)), nil
}

func decode(line string, r *record) bool {
	i := strings.IndexByte(line, ' ')
	return i > 0 && fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(line[i+1:]))) == line[:i] &&
		json.Unmarshal([]byte(line[i+1:]), r) == nil
}

func (st *store) apply(r record) {
	for _, p := range r.Players {
		st.players[p.ID] = p
	}
	for id, gold := range r.Mail {
		st.mail[id] = gold
	}
}

// write is called with st.mu held.
func (st *store) write(r record) error {
	line, err := encode(r)
	if err != nil {
		return err
	}
	if _, err := st.file.Write(line); err != nil {
		return fmt.Errorf("write the store: %w", err)
	}
	st.apply(r)
	return nil
}

// Load returns the player id, a new one if there is none.
func (st *store) Load(id int) Player {
	st.mu.Lock()
	defer st.mu.Unlock()
	p, ok := st.players[id]
	if !ok {
		p = Player{ID: id, Gold: wealth}
	}
	return p
}

// Save keeps p.
func (st *store) Save(p Player) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.write(record{Players: []Player{p}})
}

// Give keeps p, who has given gold to the player to, and the gift.
func (st *store) Give(p Player, to, gold int) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.write(record{Players: []Player{p}, Mail: map[int]int{to: st.mail[to] + gold}})
}

// Waiting returns what was given to the player id and not collected.
func (st *store) Waiting(id int) int {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.mail[id]
}

// Collect keeps p, who has taken gold of what was waiting.
func (st *store) Collect(p Player, gold int) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.write(record{Players: []Player{p}, Mail: map[int]int{p.ID: st.mail[p.ID] - gold}})
}

// Audit returns how many players there are, and what of them cannot be.
func (st *store) Audit() (players int, broken []string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	flow := 0 // what was given and has not arrived
	for _, p := range st.players {
		if what := p.wrong(); what != "" {
			broken = append(broken, what)
		}
		flow += p.Given - p.Received
	}
	for _, gold := range st.mail {
		flow -= gold
	}
	sort.Strings(broken)
	if flow != 0 {
		broken = append(broken, fmt.Sprintf("%d gold was given that nobody has got, nor can collect", flow))
	}
	return len(st.players), broken
}

// Close closes the file.
func (st *store) Close() error { return st.file.Close() }
