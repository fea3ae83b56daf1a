-- What came in, in what order, and what is still to be done about it.

CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);

-- Event ids of the local build system: how many were given out in each second.
CREATE TABLE seconds (
    second BIGINT PRIMARY KEY,
    used BIGINT NOT NULL
);

CREATE TABLE inbox (
    sequence BIGINT PRIMARY KEY,
    message_id TEXT NOT NULL UNIQUE,
    door TEXT NOT NULL CHECK (door IN ('amqp', 'http', 'cli')),
    topic TEXT NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL,
    body_size BIGINT NOT NULL,
    body_digest TEXT NOT NULL,
    arrived_at BIGINT NOT NULL,
    event_id BIGINT,
    state TEXT NOT NULL CHECK (state IN ('applied', 'waiting', 'refused', 'quarantined', 'dropped')),
    reason TEXT,
    waits_for TEXT,
    duplicates BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX inbox_by_state ON inbox (state, sequence);
CREATE INDEX inbox_by_build ON inbox (waits_for, event_id) WHERE state = 'waiting';

-- Messages that name a tag nobody follows: counted, not kept.
CREATE TABLE unfollowed (
    tag TEXT PRIMARY KEY,
    messages BIGINT NOT NULL,
    last_at BIGINT NOT NULL
);

-- A wake-up is a row: (room, key, part), collapsed, removed only at the sequence it was read at.
CREATE TABLE wakeups (
    room TEXT NOT NULL,
    key TEXT NOT NULL,
    part TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    since BIGINT NOT NULL,
    touched BIGINT NOT NULL,
    caused BIGINT,
    PRIMARY KEY (room, key, part)
);
CREATE INDEX wakeups_by_sequence ON wakeups (room, sequence);

-- What the running service says of itself, for commands that run beside it.
CREATE TABLE service (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    at BIGINT NOT NULL
);
