"""Mutations of who may do what: crowds, floods, files that shrink, pages of other sites, rights."""

from __future__ import annotations

from mutations.mutation import Mutation

SERVER, GUARD = "web/http/test_server.py", "web/http/test_guard.py"

MUTATIONS = (
    Mutation(
        "a login that beats locks the table of the processes, and all rescues stop",
        'f"SELECT (instance, {_LIVES})',
        'f"UPDATE, SELECT (instance, {_LIVES})',
        ("heartbeat/test_grants.py::test_what_a_worker_may_not_do",),
    ),
    Mutation(
        "a connection that is closing already is chosen to make room, and health is refused",
        "alive = [other for other in others if not other.transport.is_closing()]\n        while len",
        "alive = others[:]\n        if len",
        (f"{SERVER}::test_a_burst_of_idle_connections_is_cut_down_to_the_limit",),
    ),
    Mutation(
        "the log grows by a line for each connection that cannot be accepted",
        "if time.monotonic() - self._logged_at >= LOG_SECONDS:",
        "if True:",
        (f"{SERVER}::test_what_cannot_be_accepted_is_logged_once_a_minute",),
    ),
    Mutation(
        "clients that never send a ClientHello hold every descriptor",
        "while len(self._handshaking) >= self.handshakes:",
        "while len(self._handshaking) >= 1000:",
        ("web/web_config/test_tls.py::test_a_crowd_that_never_shakes_hands_makes_room",),
    ),
    Mutation(
        "a client that never sends a ClientHello holds a descriptor for a minute",
        '{"ssl_handshake_timeout": self.handshake_seconds}',
        '{"ssl_handshake_timeout": 60.0}',
        ("web/web_config/test_tls.py::test_who_never_shakes_hands_is_cut",),
    ),
    Mutation(
        "a web configuration that was emptied lets everybody in",
        "sorted(protections(self._config) - protections(config))",
        "sorted(protections(config) - protections(config))",
        (f"{GUARD}::test_a_file_that_shrank_opens_nothing",),
    ),
    Mutation(
        "a page of another site makes a browser reload the configuration",
        'return own and is_same_origin(headers.get("origin"), headers.get("host"))',
        "return own",
        (f"{GUARD}::test_another_site_s_page_changes_nothing",),
    ),
    Mutation(
        "a foreign name that resolves to 127.0.0.1 reads the pages",
        'if not self._hosts.admit(headers.get("host")):',
        'if self._hosts.names == "none":',
        (f"{GUARD}::test_on_loopback_a_request_must_name_an_allowed_host",),
    ),
    Mutation(
        "a flood of wrong passwords keeps everybody out",
        "len(same) >= EACH or len(here) >= ADDRESS or ",
        "",
        ("web/web_config/test_passwords.py::test_a_flood_of_guesses_keeps_nobody_else_out",),
        ("TooManyChecks",),
    ),
    Mutation(
        "bodies of messages that stall take the room of the metrics",
        "if self._free <= 0:",
        "if self._free <= -1000:",
        ("web/webhook/test_wire.py::test_bodies_that_stall_hold_up_nobody_else",),
        ("TimeoutError",),
    ),
    Mutation(
        "a moment of infinity in one row breaks every page that shows it",
        "except (OverflowError, ValueError, OSError):\n        return None",
        "except ZeroDivisionError:\n        return None",
        ("test_formats.py::test_a_moment_without_a_date_is_absent",),
        ("OverflowError", "ValueError", "OSError"),
    ),
    Mutation(
        "a misspelt filter shows an empty list, which reads as an all-clear",
        "            if self._is_empty(result):\n",
        "            if False:\n",
        (
            "web/pages/test_filters.py::test_an_unknown_kind_is_no_all_clear",
            "web/pages/test_filters.py::test_an_unknown_tier_or_reason_is_no_all_clear",
        ),
    ),
    Mutation(
        "check calls all well in the first minute, in which nothing is rescued",
        "    if status.grace_left:\n",
        "    if False:\n",
        ("doctor/test_doors.py::test_the_door_that_is_not_open_is_named",),
    ),
    Mutation(
        "check calls all well after the last Riverkeeper has gone",
        "    if not status.is_at_work(patience):\n",
        "    if False:\n",
        ("doctor/test_doors.py::test_the_door_that_is_not_open_is_named",),
    ),
)
