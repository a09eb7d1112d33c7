package riverbeat

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	defaultFence     = 10 * time.Second
	metadataInterval = 30 * time.Second // a metadata beat rewrites the job's row: never HOT, six times the WAL
	defaultKeeper    = "riverkeeper"
)

// Config configures a Beater. Only Database and ClientID must be given.
type Config struct {
	// Database describes how to connect, as pool.Config() returns it. A Beater opens its own connection, so that
	// beats never wait for the queries of jobs.
	Database *pgxpool.Config

	// ClientID is the id under which this process claims jobs: the last element of River's attempted_by.
	ClientID string

	// RiverSchema is where River's tables are; empty for the search_path, as in River.
	RiverSchema string

	// KeeperSchema is where the heartbeat tables are. Empty means "riverkeeper", or "<RiverSchema>_riverkeeper".
	KeeperSchema string

	// Interval is how often the process beats when no tier needs more. Default 10 s; 30 s in metadata mode.
	Interval time.Duration

	// Kinds are the job kinds that this process beats for; nil for all. For other kinds a missing beat proves nothing.
	Kinds []string

	// Fences: every result carries Work.Token. Without it Riverkeeper waits longer before a rescued job runs.
	Fences bool

	// Fence is how long a second attempt of a job in this process waits for the first one to return. Default 10 s.
	Fence time.Duration

	// Metadata beats on the job's own row, for those who cannot have the heartbeat tables: no lease, no progress, no
	// fence, and about six times the write-ahead log of a beat in the table.
	Metadata bool

	// NoStacks leaves Riverkeeper's requests for the stack of a stuck job unanswered, and the job's goroutines
	// unlabelled.
	NoStacks bool

	// Software is the name and version in the client row. Default "riverbeat-go/<version>": by it Riverkeeper knows that
	// River for Go dates claims by the database's clock. Under another name, and with client ids of your own, rescues
	// come later.
	Software string

	// Logger receives each kind of failure once. Default slog.Default().
	Logger *slog.Logger
}

// settings is a checked Config with nothing left out.
type settings struct {
	Config
	instance string
	started  time.Time
	pod      *pod // nil: the environment names none
}

func (c Config) checked() (settings, error) {
	if c.Database == nil || c.Database.ConnConfig == nil {
		return settings{}, errors.New("riverbeat: Config.Database is missing")
	}
	if c.ClientID == "" {
		return settings{}, errors.New("riverbeat: Config.ClientID is missing")
	}
	if c.Interval < 0 || c.Fence < 0 {
		return settings{}, errors.New("riverbeat: a negative duration in Config")
	}
	c.fillIn()
	instance, err := newInstance()
	return settings{Config: c, instance: instance, started: time.Now(), pod: readPod()}, err
}

func (c *Config) fillIn() {
	if c.Interval == 0 {
		c.Interval = Standard.Interval
	}
	if c.Metadata {
		c.Interval = max(c.Interval, metadataInterval)
	}
	c.Interval = max(c.Interval, shortestInterval)
	if c.Fence == 0 {
		c.Fence = defaultFence
	}
	if c.KeeperSchema == "" {
		c.KeeperSchema = defaultKeeperSchema(c.RiverSchema)
	}
	if c.Software == "" {
		c.Software = "riverbeat-go/" + Version
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
}

func defaultKeeperSchema(riverSchema string) string {
	if riverSchema == "" {
		return defaultKeeper
	}
	return riverSchema + "_" + defaultKeeper
}

// newInstance is a random UUID (version 4). Client ids are set by users and may be shared; instances are not.
func newInstance() (string, error) {
	var id [16]byte
	if _, err := rand.Read(id[:]); err != nil {
		return "", fmt.Errorf("riverbeat: no random numbers: %w", err)
	}
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[0:4], id[4:6], id[6:8], id[8:10], id[10:16]), nil
}
