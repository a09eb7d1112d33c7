package suite

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	riverbeat "github.com/riverkeeper/riverkeeper/clients/go"
)

// RunUnfenced is the test for River 0.44 to 0.47, which panics where a result is dropped. The middleware attaches no token
// there, and reports so. An error is judged without a token: with these versions the fence is not to be installed.
func RunUnfenced(t *testing.T, world *World) {
	if end := os.Getenv(crashing); end != "" {
		crash(t, world, end)
		return
	}
	t.Run("NoTokenIsAttached", func(t *testing.T) { noToken(t, world) })
	for _, end := range []string{success, failure} {
		t.Run("ADroppedResultEndsTheProcess/"+end, func(t *testing.T) { dropCrashes(t, world, end) })
	}
}

func noToken(t *testing.T, world *World) {
	s := newScene(t, world, true)
	jobs, before, _ := lateResults(s, []string{success})
	if after := s.row(jobs[success]); after == before[success] {
		t.Error("the late success was dropped, so it had a token")
	}
	if late := s.count("riverkeeper.late_result"); late != 0 {
		t.Errorf("%d late results", late)
	}
	s.eventually("reported", func() bool { return s.count("riverkeeper.client WHERE NOT fences") > 0 })
}

const crashing = "RIVERKEEPER_TEST_CRASH"

// dropCrashes shows why, in a process of its own, which ends.
func dropCrashes(t *testing.T, world *World, end string) {
	command := exec.Command(os.Args[0], "-test.run", "^"+strings.Split(t.Name(), "/")[0]+"$")
	server := newScene(t, world, true).pool.Config().ConnString()
	command.Env = append(os.Environ(), crashing+"="+end, "RIVERBEAT_TEST_DATABASE_URL="+server)
	output, err := command.CombinedOutput()
	if err == nil || !strings.Contains(string(output), "panic: completion subscriber received a job that wasn't finalized") {
		t.Errorf("a dropped result ends no process: then this River can be fenced: %v\n%s", err, output)
	}
}

// crash is the process. Its late success carries a token, as the middleware does not let it; its late error needs none.
func crash(t *testing.T, world *World, end string) {
	s := newScene(t, world, true)
	s.middleware = nothing
	if end == success {
		s.middleware = func(*pgxpool.Pool) []rivertype.Middleware { return []rivertype.Middleware{&token{}} }
	}
	lateResults(s, []string{end})
}

// token attaches one whatever the River version.
type token struct{ river.MiddlewareDefaults }

func (*token) Work(ctx context.Context, job *rivertype.JobRow, work func(context.Context) error) error {
	if err := river.MetadataSet(ctx, riverbeat.TokenKey, riverbeat.AttemptedAtText(*job.AttemptedAt)); err != nil {
		return err
	}
	return work(ctx)
}
