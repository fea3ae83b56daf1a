-- Composes, one row from the moment an id is taken.

CREATE TABLE composes (
    id TEXT PRIMARY KEY,
    series TEXT NOT NULL,
    respin BIGINT NOT NULL,
    definition TEXT NOT NULL,
    definition_digest TEXT NOT NULL,
    release_name TEXT NOT NULL,
    label TEXT,
    tag TEXT NOT NULL,
    revision BIGINT,
    status TEXT NOT NULL CHECK (status IN ('STARTED', 'FINISHED', 'FINISHED_INCOMPLETE', 'DOOMED', 'TERMINATED')),
    reason TEXT,
    started_at BIGINT NOT NULL,
    ended_at BIGINT,
    UNIQUE (series, respin)
);
