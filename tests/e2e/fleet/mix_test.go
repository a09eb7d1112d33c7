package main

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
)

// The same seed draws the same jobs: a failing test can be run again on the very same load.
func TestSameSeedSameJobs(t *testing.T) {
	first, second := drawn(t, &options{seed: 7, queues: list{"a", "b"}}), drawn(t, &options{seed: 7, queues: list{"a", "b"}})
	for i := range first {
		if first[i] != second[i] {
			t.Fatalf("job %d differs: %s and %s", i, first[i], second[i])
		}
	}
}

// Weights are per mille, as the table says.
func TestWeightsAddUp(t *testing.T) {
	m, err := newMix(&options{queues: list{"default"}})
	if err != nil {
		t.Fatal(err)
	}
	if m.total != 1000 {
		t.Fatalf("the weights add up to %d", m.total)
	}
}

// The name -kinds takes is the kind that River sees.
func TestRecipesMakeTheirKind(t *testing.T) {
	for _, r := range recipes {
		args, _ := r.make(rand.New(rand.NewPCG(1, 0)))
		if args.Kind() != r.kind {
			t.Errorf("the recipe of %q makes jobs of %q", r.kind, args.Kind())
		}
	}
}

func drawn(t *testing.T, o *options) []string {
	t.Helper()
	m, err := newMix(o)
	if err != nil {
		t.Fatal(err)
	}
	var jobs []string
	for range 200 {
		job := m.draw()
		args, err := json.Marshal(job.Args)
		if err != nil {
			t.Fatal(err)
		}
		jobs = append(jobs, job.Args.Kind()+job.InsertOpts.Queue+string(args))
	}
	return jobs
}
