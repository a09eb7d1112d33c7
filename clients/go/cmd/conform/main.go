// Command conform drives the heartbeat client by JSON lines, for the conformance suite that every client passes
// (tests/conformance). It knows no River: it is given claims, and works them by waiting for a command.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/riverkeeper/riverkeeper/clients/go"
)

const longestLine = 1 << 20 // a note may be longer than the contract's kilobyte, on purpose

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "conform:", err)
		os.Exit(1)
	}
}

func run() error {
	config, err := configuration()
	if err != nil {
		return err
	}
	beater, err := riverbeat.New(config)
	if err != nil {
		return err
	}
	beater.Start(context.Background())
	floor := newFloor(beater, config.Database.ConnConfig, json.NewEncoder(os.Stdout))
	floor.say(event{Event: "ready", Stacks: !config.Metadata})
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, longestLine)
	for lines.Scan() {
		var c command
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			return fmt.Errorf("%q: %w", lines.Text(), err)
		}
		if c.Do == "quit" {
			break
		}
		if err := floor.obey(c); err != nil {
			return err
		}
	}
	floor.abandon()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = beater.Stop(ctx) // what is left stops beating
	return lines.Err()
}

func configuration() (riverbeat.Config, error) {
	url := flag.String("database-url", "", "where the tables are")
	river := flag.String("river-schema", "", "River's schema; empty for the search_path")
	keeper := flag.String("keeper-schema", "", "the heartbeat tables' schema")
	client := flag.String("client-id", "conform", "as in attempted_by")
	interval := flag.Duration("interval", 10*time.Second, "between two beats")
	fence := flag.Duration("fence", 10*time.Second, "how long a re-claim waits for the earlier attempt")
	metadata := flag.Bool("metadata", false, "beat on the job's row")
	flag.Parse()
	database, err := pgxpool.ParseConfig(*url)
	if err != nil {
		return riverbeat.Config{}, err
	}
	return riverbeat.Config{
		Database: database, ClientID: *client, RiverSchema: *river, KeeperSchema: *keeper, Interval: *interval,
		Fence: *fence, Fences: true, Metadata: *metadata, Software: "riverbeat-conform/" + riverbeat.Version,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	}, nil
}
