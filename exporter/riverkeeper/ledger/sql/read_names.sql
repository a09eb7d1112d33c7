-- Question: which queues and kinds are exported under their own name, and when was each last seen?
-- Index: none, the whole table is read: at most max_pairs rows and 200 queues.
-- NULL: never; an empty kind is the queue itself.
SELECT n.queue, n.kind, n.seen_at FROM keeper.ledger_name AS n
