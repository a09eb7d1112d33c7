package tests

import (
	"context"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/riverkeeper/riverkeeper/clients/go"
)

// traps collects the warnings of copies of PostgreSQL's own functions, operators, types and relations that were used.
type traps struct {
	mu     sync.Mutex
	sprung []string
}

func (s *traps) notice(_ *pgconn.PgConn, notice *pgconn.Notice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if name, isTrap := strings.CutPrefix(notice.Message, "trap: "); isTrap && !slices.Contains(s.sprung, name) {
		s.sprung = append(s.sprung, name)
	}
}

func (s *traps) check(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.sprung) > 0 {
		t.Errorf("used: %s", strings.Join(s.sprung, ", "))
	}
}

// trapped has traps before what they copy in the search_path of the Beater's connections, temporary ones too.
func trapped(t *testing.T, set *traps) *bench {
	t.Helper()
	plant, err := os.ReadFile("../../../tests/fixtures/traps.sql")
	if err != nil {
		t.Fatal(err)
	}
	url := world.Fresh(t)
	conn, err := pgx.Connect(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(context.Background(), string(plant), pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
	return benchOn(t, url, set.lay)
}

// patient leaves a beat the time that planting in each connection takes.
var patient = riverbeat.Tier{Interval: 2 * time.Second}

func (s *traps) lay(c *riverbeat.Config) {
	c.Interval = patient.Interval
	c.Database.ConnConfig.RuntimeParams["search_path"] = "hostile, pg_catalog, public"
	c.Database.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "SELECT hostile.plant_relations_and_types('pg_temp')")
		return err
	}
	c.Database.ConnConfig.OnNotice = s.notice
}

// Nothing that another login, or an earlier user of the connection, offers under a name of PostgreSQL's is used: not by a
// beat, nor by what is asked before it and told after it.
func TestNamesOfOthersAreNotUsed(t *testing.T) {
	set := &traps{}
	b := trapped(t, set)
	work, _, claim := b.beating(patient)
	b.beats(2)
	work.Finish(riverbeat.Completed)
	b.eventually("its end is told", func() bool { return b.text(claim, "outcome") == "completed" })
	set.check(t)
}

// The same on the job's own row, where a claim that did not come back is looked at again.
func TestNamesOfOthersAreNotUsedInMetadataMode(t *testing.T) {
	set := &traps{}
	b := trapped(t, set)
	b.stop()
	config := riverbeat.Config{Database: b.pool.Config(), ClientID: client, Metadata: true}
	set.lay(&config)
	beater, err := riverbeat.New(config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = beater.Stop(context.Background()) }()
	claim, gone := b.running(), b.running()
	b.exec("UPDATE river_job SET attempt = 2 WHERE id = $1", gone.JobID)
	work, _ := beater.Begin(context.Background(), claim, quick)
	other, lost := beater.Begin(context.Background(), gone, quick)
	time.Sleep(150 * time.Millisecond) // claims that have just begun wait for the next tick
	beater.Start(context.Background())
	b.cancelled(lost)
	b.eventually("a beat", func() bool {
		return b.count("river_job WHERE metadata ? 'health_check_at' AND id = $1", claim.JobID) == 1
	})
	work.Finish(riverbeat.Completed)
	other.Finish(riverbeat.Failed)
	set.check(t)
}

// A hold stands in a transaction of the user's, and leaves its search_path as it is.
func TestHoldUsesNoNamesOfOthers(t *testing.T) {
	set := &traps{}
	b := trapped(t, set)
	claim := b.running()
	config := b.pool.Config().ConnConfig.Copy()
	config.OnNotice = set.notice
	config.RuntimeParams["search_path"] = "hostile, pg_catalog, public"
	conn, err := pgx.ConnectConfig(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	tx, err := conn.Begin(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	if err := riverbeat.VerifyClaim(context.Background(), tx, claim); err != nil {
		t.Error(err)
	}
	set.check(t)
	var path string
	if err := tx.QueryRow(context.Background(), "SHOW search_path").Scan(&path); err != nil || path != "hostile, pg_catalog, public" {
		t.Errorf("%s, %v", path, err)
	}
}
