// Fleet works jobs with real River clients, and makes them fail, hang, snooze and die in every way River knows.
//
// The end-to-end tests and the demo of Riverkeeper run it as the thing being watched.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

type command struct {
	arguments string
	help      string
	flags     func(*flag.FlagSet, *options)
	run       func(context.Context, *options, []string) error
}

var commands = map[string]command{
	"migrate": {"", "lay out River's tables (the schema must exist)", migrateFlags, migrate},
	"insert":  {"N", "insert N jobs of the seeded mix", mixFlags, insert},
	"work":    {"", "work jobs until SIGTERM; with -insert or -rate insert them as well", workFlags, work},
	"cancel":  {"ID...", "cancel jobs as a person would", noFlags, cancelJobs},
	"retry":   {"ID...", "retry jobs as a person would", noFlags, retryJobs},
	"pause":   {"QUEUE...", "pause queues", noFlags, pauseQueues},
	"resume":  {"QUEUE...", "resume queues", noFlags, resumeQueues},
	"resign":  {"", "have another leader elected", noFlags, resign},
	"list":    {"", "list all jobs as River reads them, one JSON object a line", noFlags, listJobs},
}

// The order of a life, not of the alphabet.
var order = []string{"migrate", "insert", "work", "cancel", "retry", "pause", "resume", "resign", "list"}

func main() {
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stderr, nil)))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:])
	if err == nil {
		return
	}
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(2)
	}
	slog.Error(err.Error())
	os.Exit(1)
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		usage()
		return flag.ErrHelp
	}
	chosen, known := commands[args[0]]
	if !known {
		usage()
		return flag.ErrHelp
	}
	options, rest, err := parse(args[0], chosen, args[1:])
	if err != nil {
		return err
	}
	return chosen.run(ctx, options, rest)
}

func usage() {
	fmt.Fprintln(os.Stderr, "fleet: real River workers that do everything a job can do")
	for _, name := range order {
		fmt.Fprintf(os.Stderr, "  fleet %-28s %s\n", strings.TrimSpace(name+" [flags] "+commands[name].arguments), commands[name].help)
	}
	fmt.Fprintln(os.Stderr, "fleet VERB -h lists the flags; each is also read from FLEET_<FLAG>, the URL from DATABASE_URL")
}
