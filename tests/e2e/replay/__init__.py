"""A month of incidents, injected into real parts in scaled time, and the messages that people receive of them."""
