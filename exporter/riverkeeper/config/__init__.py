"""The configuration: what may be set, where it was set, and every mistake in it at once."""
