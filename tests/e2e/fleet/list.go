package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

const page = 1_000 // the most that River gives at once

// A listed job is the line a test reads: the row as a River client decodes it, its errors with it.
type listed struct {
	ID      int64                    `json:"id"`
	Kind    string                   `json:"kind"`
	State   rivertype.JobState       `json:"state"`
	Attempt int                      `json:"attempt"`
	Errors  []rivertype.AttemptError `json:"errors"`
}

func listJobs(ctx context.Context, o *options, _ []string) error {
	return withClient(ctx, o, func(client *river.Client[pgx.Tx]) error {
		lines := json.NewEncoder(os.Stdout)
		wanted := river.NewJobListParams().First(page)
		for {
			found, err := client.JobList(ctx, wanted)
			if err != nil {
				return fmt.Errorf("list jobs: %w", err)
			}
			for _, job := range found.Jobs {
				if err := lines.Encode(listed{job.ID, job.Kind, job.State, job.Attempt, job.Errors}); err != nil {
					return err
				}
			}
			if len(found.Jobs) < page {
				return nil
			}
			wanted = wanted.After(found.LastCursor)
		}
	})
}
