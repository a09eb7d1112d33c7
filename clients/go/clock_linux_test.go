package riverbeat

import (
	"os"
	"strings"
	"testing"
)

// No test can suspend the machine, so the test reads the source: the clock of leases runs on meanwhile.
func TestLeasesRunThroughSuspend(t *testing.T) {
	source, err := os.ReadFile("clock_linux.go")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(source), "ClockGettime(unix.CLOCK_BOOTTIME") {
		t.Error("leases do not run on CLOCK_BOOTTIME")
	}
}
