package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

type options struct {
	databaseURL string
	schema      string

	version int

	seed   uint64
	queues list
	kinds  list
	unique string
	most   int

	clientID    string
	workers     int
	insert      int
	rate        float64
	rescueAfter time.Duration
	stopAfter   time.Duration
	events      string
	journal     string
	beat        string
	interval    time.Duration
	lease       time.Duration
	hardStop    bool
	foreign     bool
	knownKinds  bool
	periodic    time.Duration
}

// list is a flag of names with commas between them.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

func (l *list) Set(text string) error {
	*l = strings.Split(text, ",")
	return nil
}

func noFlags(*flag.FlagSet, *options) {}

func migrateFlags(flags *flag.FlagSet, o *options) {
	flags.IntVar(&o.version, "version", 0, "stop at this migration version; 0 is the newest")
}

func mixFlags(flags *flag.FlagSet, o *options) {
	flags.Uint64Var(&o.seed, "seed", 1, "the same seed inserts the same jobs")
	flags.Var(&o.kinds, "kinds", "only these kinds of the mix, equally often")
	flags.StringVar(&o.unique, "unique", "", "default or narrow: one job for each queue and arguments, narrow not while retryable")
	flags.IntVar(&o.most, "max-attempts", 0, "of every job; 0 is what its kind has")
	queueFlag(flags, o)
}

func workFlags(flags *flag.FlagSet, o *options) {
	mixFlags(flags, o)
	flags.StringVar(&o.clientID, "client-id", "", "River's client id; River makes one from host name and time if empty")
	flags.IntVar(&o.workers, "workers", 20, "jobs worked at once, for each queue")
	flags.IntVar(&o.insert, "insert", 0, "insert this many jobs of the mix first")
	flags.Float64Var(&o.rate, "rate", 0, "insert this many jobs a second for as long as the fleet works")
	flags.DurationVar(&o.rescueAfter, "rescue-after", time.Hour, "River's own rescuer takes jobs that run longer")
	flags.DurationVar(&o.stopAfter, "stop-after", 8*time.Second, "leave jobs behind that do not stop within this time after SIGTERM")
	flags.StringVar(&o.journal, "journal", "", "append what the process and its journaled jobs do to this file, one JSON object a line")
	flags.StringVar(&o.beat, "beat", "none", "how running jobs prove that they live: none, table (of the keeper schema), metadata, or plugin (the table, without options)")
	flags.DurationVar(&o.interval, "interval", 10*time.Second, "how often they do")
	flags.DurationVar(&o.lease, "lease", 0, "the lease: stop jobs whose beats failed for this long; 0: never")
	flags.BoolVar(&o.hardStop, "hard-stop", false, "on SIGTERM cancel the jobs at once")
	flags.BoolVar(&o.foreign, "foreign", false, "have a worker for the kind foreign too")
	flags.BoolVar(&o.knownKinds, "known-kinds", false, "leave jobs of kinds without a worker here alone (River 0.48)")
	flags.DurationVar(&o.periodic, "periodic", 0, "insert a periodic job so often; 0 is never")
	flags.StringVar(&o.events, "events", "", "append what River tells its subscribers to this file, one JSON object a line")
}

func queueFlag(flags *flag.FlagSet, o *options) {
	o.queues = list{"default", "bulk", "mail"}
	flags.Var(&o.queues, "queues", "names of queues")
}

// parse reads flags, then the environment for those not given.
func parse(verb string, chosen command, args []string) (*options, []string, error) {
	o := &options{}
	flags := flag.NewFlagSet("fleet "+verb, flag.ContinueOnError)
	flags.StringVar(&o.databaseURL, "database-url", "", "Postgres URL; empty is DATABASE_URL")
	flags.StringVar(&o.schema, "schema", "", "schema of River's tables; empty is the search path")
	chosen.flags(flags, o)
	if err := fromEnvironment(flags); err != nil {
		return nil, nil, err
	}
	if err := flags.Parse(args); err != nil {
		return nil, nil, err
	}
	// Not the flag's default: -h prints those, and this one may hold a password.
	if o.databaseURL = cmp.Or(o.databaseURL, os.Getenv("DATABASE_URL")); o.databaseURL == "" {
		return nil, nil, errors.New("which database? give -database-url or DATABASE_URL")
	}
	return o, flags.Args(), nil
}

func fromEnvironment(flags *flag.FlagSet) error {
	var wrong error
	flags.VisitAll(func(f *flag.Flag) {
		name := "FLEET_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if value, set := os.LookupEnv(name); set {
			if err := f.Value.Set(value); err != nil {
				wrong = errors.Join(wrong, fmt.Errorf("%s: %w", name, err))
			}
		}
	})
	return wrong
}
