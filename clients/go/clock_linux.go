package riverbeat

import (
	"time"

	"golang.org/x/sys/unix"
)

// uptime runs on through suspend and live migration (CLOCK_BOOTTIME): Go's own monotonic clock stops there, and
// a worker that wakes up would trust a lease that ended long ago.
func uptime() time.Duration {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return monotonic()
	}
	return time.Duration(now.Nano())
}
