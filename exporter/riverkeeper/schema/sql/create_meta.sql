-- Question: (writes; the first table) which River does this keeper schema serve, and how new is it?
-- Index: one row.
-- NULL: never.
CREATE TABLE IF NOT EXISTS keeper.meta (
    singleton      boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    river_schema   text NOT NULL,
    version        integer NOT NULL,
    min_compatible integer NOT NULL
)
