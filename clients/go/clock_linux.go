package riverbeat

import (
	"time"

	"golang.org/x/sys/unix"
)

// uptime runs on through suspend and live migration (CLOCK_BOOTTIME): Go's own monotonic clock stands still there, and
// a worker that wakes up would verifyRiverSchema in a lease that has long run out.
func uptime() time.Duration {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return monotonic()
	}
	return time.Duration(now.Nano())
}
