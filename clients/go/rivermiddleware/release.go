package rivermiddleware

import (
	"log/slog"
	"runtime/debug"
	"strconv"
	"strings"
)

const (
	riverModule = "github.com/riverqueue/river"
	exactSince  = 39 // River 0.39 has MetadataSet
	testedTo    = 51
)

// tellFence says once which fence is in force: nobody should have to guess it from a version.
func (m *Middleware) tellFence() {
	version := riverVersion()
	minor := minorOf(version)
	attributes := []any{slog.String("fence", m.fence.String()), slog.String("river", version)}
	switch {
	case !m.fence.exact() && minor >= exactSince:
		m.log.Warn("riverbeat: this River can have the exact fence: use Exact(river.MetadataSet)", attributes...)
	case m.fence.exact() && minor > testedTo:
		m.log.Warn("riverbeat: the exact fence is not tested with this River", attributes...)
	default:
		m.log.Info("riverbeat: fence against late results", attributes...)
	}
}

// riverVersion is "" where the binary does not tell.
func riverVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, module := range info.Deps {
		if module.Path == riverModule {
			return module.Version
		}
	}
	return ""
}

// minorOf is 51 for "v0.51.1", and 0 for what it cannot read; any v1 is newer than all of v0.
func minorOf(version string) int {
	parts := strings.Split(strings.TrimPrefix(version, "v"), ".")
	if len(parts) < 2 {
		return 0
	}
	major, err := strconv.Atoi(parts[0])
	if err != nil {
		return 0
	}
	minor, err := strconv.Atoi(parts[1])
	if err != nil {
		return 0
	}
	return major*1000 + minor
}
