package mimics

import "github.com/lifesign-go/lifesign/event"

// episode is what was told of subjects that meet the same.
type episode struct {
	number  uint64
	key     string
	verdict event.Verdict
	op      string
	what    string
	place   event.Step
	chain   []event.Link
	members []*inquiry
	over    bool
}

// rank orders what can be told; only what is above the rank that was told is told
// again.
func rank(v event.Verdict) int {
	switch v {
	case event.Stuck, event.Wrong:
		return 2
	case event.Slow, event.Unknown:
		return 1
	}
	return 0
}

// maxMembers bounds what an episode remembers of those that meet the same.
const maxMembers = 4096

// tell reports what was decided of an inquiry, if it is news.
func (j *Judge) tell(q *inquiry, v event.Verdict, c event.Class) {
	if rank(q.verdict) >= rank(v) {
		return
	}
	q.verdict = v
	q.good, q.well, q.unable = 0, 0, 0
	for _, where := range places {
		if e := q.s.away[where]; e != nil && e.late && rank(v) == 2 {
			j.abandon(e)
		}
	}
	ep := q.ep
	if ep == nil || ep.over {
		ep = j.episode(q)
	}
	if q.ep != ep && len(ep.members) < maxMembers {
		ep.members = append(ep.members, q)
		q.ep = ep
	}
	if rank(ep.verdict) >= rank(v) {
		return
	}
	f := j.finding(q, v, c)
	f.Episode = ep.number
	ep.verdict, ep.op, ep.what, ep.place, ep.chain = v, j.op(q.about(j.culprit(q))), f.What, f.Place, f.Chain
	j.act.Findings = append(j.act.Findings, f)
}

// episode returns the one that an inquiry belongs to, a new one if there is none.
func (j *Judge) episode(q *inquiry) *episode {
	key := q.key(j)
	for _, ep := range j.episodes {
		if ep.key == key {
			return ep
		}
	}
	ep := &episode{number: j.number(), key: key}
	j.episodes = append(j.episodes, ep)
	return ep
}

// key names what an inquiry is about: as much as is known to be alike.
func (q *inquiry) key(j *Judge) string {
	s := q.s
	device := func(far bool) string {
		if far && s.device != "" {
			return s.device
		}
		if s.target == "" {
			return s.place.site.Place()
		}
		return s.target
	}
	switch q.kind {
	case hanging:
		if name := q.errand.stand.resource(); name != "" && q.errand.stand.word(j) != kernelSilent {
			return "hangs " + name
		}
		return "hangs " + device(len(j.hangs(q)) > 0)
	case silent:
		return "hangs " + peer(&s.mimic)
	case failing:
		return "fails " + q.out.Errno + " " + device(len(q.fails()) > 0)
	case differing:
		return "differs " + device(true)
	case slowing:
		return "slow " + device(s.device != "")
	case full:
		return "full " + s.target
	}
	return "says " + s.place.site.Place() + " " + s.place.site.Func
}

// leave takes an inquiry out of its episode. When none is left for which something
// was to be done, that is over, and told.
func (j *Judge) leave(q *inquiry) {
	ep := q.ep
	acting := 0
	for i, m := range ep.members {
		if m == q {
			ep.members = append(ep.members[:i], ep.members[i+1:]...)
			break
		}
	}
	for _, m := range ep.members {
		if m.acts() {
			acting++
		}
	}
	if len(ep.members) > 0 && (rank(ep.verdict) < 2 || acting > 0 || !q.acts()) {
		return
	}
	for i := range j.episodes {
		if j.episodes[i] == ep {
			j.episodes = append(j.episodes[:i], j.episodes[i+1:]...)
			break
		}
	}
	if ep.over = true; rank(ep.verdict) < 2 {
		return
	}
	j.act.Findings = append(j.act.Findings, j.over(q, ep))
}

// over is the finding that an episode is over, or that this can no longer be seen.
func (j *Judge) over(q *inquiry, ep *episode) event.Finding {
	f := event.Finding{
		Episode: ep.number, Verdict: event.Working, Class: event.Inferred, At: j.clock.now, Place: ep.place, Chain: ep.chain,
		Refuted: "it is met again",
	}
	switch {
	case q.lost:
		f.Verdict, f.Class = event.Unknown, event.Undecided
		f.What = ep.op + " can no longer be tried; whether it is well again is not known"
		f.Refuted = "it can be tried again"
	case q.kind.looked() && q.well >= more:
		f.What = ep.op + " is well again"
	case q.kind == silent:
		f.What = "new connections to " + j.scrub(peer(&q.s.mimic)) + " are made again"
	default:
		f.What = ep.op + " succeeds again beside the program"
	}
	text := f.What
	if f.Verdict == event.Working && !q.kind.looked() {
		text = "it has succeeded " + times(q.good) + " in a row, the last time in " + span(q.lastBad.Took)
	}
	f.Evidence = []event.Evidence{{Source: event.Mimics, At: j.clock.now, Text: text}}
	return f
}

// finding makes the finding of an inquiry.
func (j *Judge) finding(q *inquiry, v event.Verdict, c event.Class) event.Finding {
	at := j.culprit(q)
	f := event.Finding{
		Verdict: v, Class: c, At: j.clock.now, Place: event.Step{Site: at.place.site, Since: q.since},
		What: j.what(q, v), Refuted: refuted(q, v),
	}
	link := event.Link{What: j.op(q.about(at))}
	if region := at.region.site; region != (event.Site{}) {
		link.Region = &region
	}
	for m, i := q.about(at), len(q.about(at).Chain)-1; i >= 0; i-- { // innermost first, as stacks are
		link.Stack = append(link.Stack, m.Chain[i])
	}
	f.Chain = []event.Link{link}
	j.evidence(q, &f)
	return f
}
