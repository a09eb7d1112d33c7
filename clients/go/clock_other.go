//go:build !linux

package riverbeat

import "time"

// uptime may stand still while the machine is suspended, where there is no CLOCK_BOOTTIME.
func uptime() time.Duration { return monotonic() }
