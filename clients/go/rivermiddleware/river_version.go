package rivermiddleware

import (
	"log/slog"
	"path/filepath"
	"reflect"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
)

const (
	riverModule = "github.com/riverqueue/river"
	fencedSince = 39 // River 0.39 has MetadataSet
	testedTo    = 51

	panicsFrom = 44 // River 0.44 to 0.47 panics, and with it the process, where the database drops a result
	panicsTo   = 47
)

// supportedBy replaces a fence that this River does not bear.
func (f Fence) supportedBy(minor int) Fence {
	if minor >= panicsFrom && minor <= panicsTo {
		return Plain()
	}
	return f
}

// logFenceSupport logs once what this River could have, so that nobody has to know it from a version.
func (m *Middleware) logFenceSupport(wanted Fence, version string) {
	minor := minorOf(version)
	switch {
	case wanted.fences() && !m.fence.fences():
		m.log.Error("riverbeat: results are not fenced, because River 0.44 to 0.47 panics where a result is dropped: upgrade to 0.48 before the fence is installed",
			slog.String("river", version))
	case !m.fence.fences() && minor >= fencedSince:
		m.log.Warn("riverbeat: results of this River can be fenced: use Fenced(river.MetadataSet)", slog.String("river", version))
	case m.fence.fences() && minor > testedTo:
		m.log.Warn("riverbeat: the fence is not tested with this River", slog.String("river", version))
	}
}

// riverVersion is "" where the binary does not tell.
func riverVersion(fence Fence) string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range info.Deps {
			if module.Path == riverModule {
				return module.Version
			}
		}
	}
	return versionIn(fence.file()) // tests and some build systems list no modules
}

// file is where river.MetadataSet was compiled from: in the module cache, or with -trimpath, a path that names the version.
func (f Fence) file() string {
	if !f.fences() {
		return ""
	}
	entry := reflect.ValueOf(f.metadataSet).Pointer()
	file, _ := runtime.FuncForPC(entry).FileLine(entry)
	return filepath.ToSlash(file)
}

func versionIn(file string) string {
	_, rest, _ := strings.Cut(file, "riverqueue/river@")
	version, _, _ := strings.Cut(rest, "/")
	return version
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
