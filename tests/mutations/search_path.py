"""Mutations of what keeps names of other logins out of our statements: functions, operators, types, relations."""

from __future__ import annotations

from mutations.mutation import Mutation

TRAPS = "postgres/test_traps.py"

MUTATIONS = (
    Mutation(
        "a login that may create in a schema of the search_path runs its code with the rights of a scrape or a rescue",
        "pinned = connection.execute(as_literal(PIN))",
        'pinned = connection.execute("SELECT pg_catalog.current_schemas(false) AS searched")',
        (
            f"{TRAPS}::test_the_schema_is_installed_printed_granted_and_removed",
            f"{TRAPS}::test_a_command_that_only_reads_is_not_trapped",
            f"{TRAPS}::test_manual_rescues_and_switches_are_not_trapped",
            f"{TRAPS}::test_a_scrape_is_not_trapped",
            f"{TRAPS}::test_a_supervisor_is_not_trapped",
            f"{TRAPS}::test_temporary_objects_are_not_used",
            f"{TRAPS}::test_a_login_that_may_create_in_public_does_not_become_superuser",
        ),
    ),
    Mutation(
        "a login that may create in a schema of the search_path runs its code with a worker's rights, at every beat",
        'f"{READ_COMMITTED}; {PIN}; SET LOCAL',
        'f"{READ_COMMITTED}; SELECT 1; SET LOCAL',
        (
            f"{TRAPS}::test_the_python_client_is_not_trapped",
            f"{TRAPS}::test_the_python_client_on_the_job_s_row_is_not_trapped",
            f"{TRAPS}::test_the_demo_is_not_trapped",
        ),
    ),
    Mutation(
        "temporary objects that a pooler's earlier user left are found before PostgreSQL's own",
        'SEARCH_PATH = "pg_catalog, pg_temp"',
        'SEARCH_PATH = "pg_catalog"',
        (f"{TRAPS}::test_temporary_objects_are_not_used",),
    ),
    Mutation(
        "a hold runs an operator of another login, in the transaction that has the effect",
        "j.state OPERATOR(pg_catalog.=) 'running'",
        "j.state = 'running'",
        (f"{TRAPS}::test_the_python_client_is_not_trapped",),
        beside="in the transaction that has the effect? The only real guarantee",
    ),
    Mutation(
        "a checkpoint runs an operator of another login, in the transaction that has the effect",
        "c.number OPERATOR(pg_catalog.<) %(number)s::pg_catalog.int8",
        "c.number < %(number)s::pg_catalog.int8",
        ("heartbeat/test_checkpoints.py::test_a_hostile_path_changes_no_name_in_the_users_transaction",),
        errors=("RaiseException",),
    ),
    Mutation(
        "a login that may create in a schema of the search_path runs its code with the rights of a Go worker",
        "pg_catalog, pg_temp",
        "public",
        ("tests::TestNamesOfOthersAreNotUsed", "tests::TestNamesOfOthersAreNotUsedInMetadataMode"),
    ),
)
