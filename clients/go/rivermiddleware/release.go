package rivermiddleware

import (
	"log/slog"
	"runtime/debug"
	"strconv"
	"strings"
)

const (
	riverModule = "github.com/riverqueue/river"
	fencedSince = 39 // River 0.39 has MetadataSet
	testedTo    = 51
)

// adviseFence says once what this River could have: nobody should have to know it from a version.
func (m *Middleware) adviseFence() {
	version := riverVersion()
	minor := minorOf(version)
	switch {
	case !m.fence.fences() && minor >= fencedSince:
		m.log.Warn("riverbeat: results of this River can be fenced: use Fenced(river.MetadataSet)", slog.String("river", version))
	case m.fence.fences() && minor > testedTo:
		m.log.Warn("riverbeat: the fence is not tested with this River", slog.String("river", version))
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
