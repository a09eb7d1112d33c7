//go:build !linux

package riverbeat

import "time"

// uptime may stop while the machine is suspended, because there is no CLOCK_BOOTTIME.
func uptime() time.Duration { return monotonic() }
