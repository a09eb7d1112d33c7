package rivermiddleware

import (
	"context"
	"log/slog"
	"time"

	"github.com/riverkeeper/riverkeeper/clients/go"
	"github.com/riverqueue/river/rivertype"
)

// Option changes a default of New.
type Option func(*Middleware)

// TierFor chooses how often a job beats and whether it has a lease, by anything in its row: priority, kind, queue or
// EncodedArgs. Default: riverbeat.Standard for all. See ByKind and ByPriority.
func TierFor(choose func(job *rivertype.JobRow) riverbeat.Tier) Option {
	return func(m *Middleware) { m.tierFor = choose }
}

// ByKind is for TierFor; other kinds are riverbeat.Standard.
func ByKind(tiers map[string]riverbeat.Tier) func(*rivertype.JobRow) riverbeat.Tier {
	return func(job *rivertype.JobRow) riverbeat.Tier { return tierOr(tiers, job.Kind) }
}

// ByPriority is for TierFor; other priorities are riverbeat.Standard. River's default priority is 1.
func ByPriority(tiers map[int]riverbeat.Tier) func(*rivertype.JobRow) riverbeat.Tier {
	return func(job *rivertype.JobRow) riverbeat.Tier { return tierOr(tiers, job.Priority) }
}

func tierOr[K comparable](tiers map[K]riverbeat.Tier, key K) riverbeat.Tier {
	if tier, ok := tiers[key]; ok {
		return tier
	}
	return riverbeat.Standard
}

// RiverSchema is river.Config.Schema; give it here too where it is set there.
func RiverSchema(name string) Option { return func(m *Middleware) { m.config.RiverSchema = name } }

// KeeperSchema is where the heartbeat tables are, if not in "riverkeeper" or "<river schema>_riverkeeper".
func KeeperSchema(name string) Option { return func(m *Middleware) { m.config.KeeperSchema = name } }

// Interval is how often the process beats when no tier needs more. Default 10 s.
func Interval(d time.Duration) Option { return func(m *Middleware) { m.config.Interval = d } }

// Kinds limits the beats to some kinds of job; Riverkeeper then concludes nothing from missing beats of others.
func Kinds(kinds ...string) Option { return func(m *Middleware) { m.config.Kinds = kinds } }

// FenceFor is how long a second attempt in this process waits for the first. Default 10 s.
func FenceFor(d time.Duration) Option { return func(m *Middleware) { m.config.Fence = d } }

// Metadata beats on the job's own row every 30 s, for those who cannot have the heartbeat tables: no lease, no progress,
// no fence, and about six times the write-ahead log of a beat in the table, none of it HOT.
func Metadata() Option { return func(m *Middleware) { m.config.Metadata = true } }

// NoStacks answers no request for the stack of a stuck job. A stack has functions, files and lines of the job's goroutines, and
// no values; they are found by a pprof label, riverkeeper_job, which profiles of the program then show too.
func NoStacks() Option { return func(m *Middleware) { m.config.NoStacks = true } }

// Logger receives each kind of failure once. Default slog.Default().
func Logger(log *slog.Logger) Option { return func(m *Middleware) { m.config.Logger = log } }

// Until ends the beats when ctx is over and no job is left, as Stop does.
func Until(ctx context.Context) Option { return func(m *Middleware) { m.until = ctx } }
