package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// A recipe makes one job of a kind; its weight is how many of a thousand jobs of the mix are of that kind.
type recipe struct {
	kind   string
	weight int
	make   func(*rand.Rand) (river.JobArgs, river.InsertOpts)
}

var recipes = []recipe{
	{"short", 680, func(r *rand.Rand) (river.JobArgs, river.InsertOpts) {
		return Short{Milliseconds: 1 + r.IntN(20)}, river.InsertOpts{}
	}},
	{"long", 20, func(r *rand.Rand) (river.JobArgs, river.InsertOpts) {
		return Long{Seconds: 1 + r.IntN(3)}, river.InsertOpts{}
	}},
	{"checked", 20, func(r *rand.Rand) (river.JobArgs, river.InsertOpts) {
		return Checked{Seconds: 2 + r.IntN(3)}, river.InsertOpts{}
	}},
	{"flaky", 60, func(*rand.Rand) (river.JobArgs, river.InsertOpts) { return Flaky{}, river.InsertOpts{} }},
	{"failing", 50, func(*rand.Rand) (river.JobArgs, river.InsertOpts) {
		return Failing{}, river.InsertOpts{MaxAttempts: 3}
	}},
	{"panicking", 20, func(*rand.Rand) (river.JobArgs, river.InsertOpts) {
		return Panicking{}, river.InsertOpts{MaxAttempts: 2}
	}},
	{"snoozing", 40, func(*rand.Rand) (river.JobArgs, river.InsertOpts) { return Snoozing{}, river.InsertOpts{} }},
	{"cancelling", 40, func(*rand.Rand) (river.JobArgs, river.InsertOpts) { return Cancelling{}, river.InsertOpts{} }},
	{"unique", 35, func(r *rand.Rand) (river.JobArgs, river.InsertOpts) {
		return Unique{Number: r.IntN(40)}, river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true}}
	}},
	{"scheduled", 20, func(r *rand.Rand) (river.JobArgs, river.InsertOpts) {
		return Scheduled{}, river.InsertOpts{ScheduledAt: time.Now().Add(time.Duration(1+r.IntN(3)) * time.Second)}
	}},
	{"tomorrow", 5, func(*rand.Rand) (river.JobArgs, river.InsertOpts) {
		return Tomorrow{}, river.InsertOpts{ScheduledAt: time.Now().Add(24 * time.Hour)}
	}},
	{"backing_off", 5, func(*rand.Rand) (river.JobArgs, river.InsertOpts) { return BackingOff{}, river.InsertOpts{} }},
	{"pending", 3, func(*rand.Rand) (river.JobArgs, river.InsertOpts) {
		return Pending{}, river.InsertOpts{Pending: true}
	}},
	{"endless", 0, func(*rand.Rand) (river.JobArgs, river.InsertOpts) { return Endless{}, river.InsertOpts{} }}, // by -kinds only
	{"steady", 0, func(*rand.Rand) (river.JobArgs, river.InsertOpts) { return Steady{}, river.InsertOpts{} }},
	{"stalled", 0, func(*rand.Rand) (river.JobArgs, river.InsertOpts) { return Stalled{}, river.InsertOpts{} }},
	{"deaf", 0, func(*rand.Rand) (river.JobArgs, river.InsertOpts) { return Deaf{}, river.InsertOpts{} }},
	{"calling", 0, func(*rand.Rand) (river.JobArgs, river.InsertOpts) { return Calling{}, river.InsertOpts{} }},
	{"told", 0, func(*rand.Rand) (river.JobArgs, river.InsertOpts) { return Told{}, river.InsertOpts{} }},
	{"timed", 0, func(*rand.Rand) (river.JobArgs, river.InsertOpts) { return Timed{}, river.InsertOpts{} }},
	{"late", 0, func(*rand.Rand) (river.JobArgs, river.InsertOpts) { return Late{}, river.InsertOpts{} }},
	{"impatient", 0, func(*rand.Rand) (river.JobArgs, river.InsertOpts) { return Impatient{}, river.InsertOpts{} }},
	{"foreign", 0, func(*rand.Rand) (river.JobArgs, river.InsertOpts) { return Foreign{}, river.InsertOpts{} }},
	{"hanging", 2, func(*rand.Rand) (river.JobArgs, river.InsertOpts) { return Hanging{}, river.InsertOpts{} }},
}

// uniqueness is what -unique makes of every job: one for each queue and arguments, in the states that keep others out.
var uniqueness = map[string]*river.UniqueOpts{
	"":        nil, // as its recipe says
	"default": {ByArgs: true, ByQueue: true},
	"narrow": {ByArgs: true, ByQueue: true, ByState: []rivertype.JobState{ // all that River lets nobody leave out
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning, rivertype.JobStateScheduled,
	}},
}

// A mix draws jobs: the same seed, kinds and queues draw the same ones.
type mix struct {
	random  *rand.Rand
	recipes []recipe
	queues  []string
	unique  *river.UniqueOpts
	most    int
	total   int
}

// newMix draws from the whole table by weight, or from the named kinds equally often.
func newMix(o *options) (*mix, error) {
	chosen := slices.Clone(recipes)
	if len(o.kinds) > 0 {
		chosen = nil
		for _, name := range o.kinds {
			i := slices.IndexFunc(recipes, func(r recipe) bool { return r.kind == name })
			if i < 0 {
				return nil, fmt.Errorf("no kind %q in the mix", name)
			}
			chosen = append(chosen, recipe{name, 1, recipes[i].make})
		}
	}
	unique, known := uniqueness[o.unique]
	if !known {
		return nil, fmt.Errorf("-unique is default or narrow, not %q", o.unique)
	}
	m := &mix{random: rand.New(rand.NewPCG(o.seed, 0)), recipes: chosen, queues: o.queues, unique: unique, most: o.most}
	for _, r := range chosen {
		m.total += r.weight
	}
	return m, nil
}

func (m *mix) draw() river.InsertManyParams {
	args, opts := m.recipe().make(m.random)
	opts.Queue = m.queues[m.random.IntN(len(m.queues))]
	opts.Priority = 1 + m.random.IntN(4)
	if m.most > 0 {
		opts.MaxAttempts = m.most
	}
	if m.unique != nil {
		opts.UniqueOpts = *m.unique
	}
	return river.InsertManyParams{Args: args, InsertOpts: &opts}
}

func (m *mix) recipe() recipe {
	n := m.random.IntN(m.total)
	for _, r := range m.recipes {
		if n -= r.weight; n < 0 {
			return r
		}
	}
	panic("the weights of a mix add up to its total")
}
