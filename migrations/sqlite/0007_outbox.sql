-- What the world is told. The sequence is the cursor shown outside: writers commit one after
-- another, so it is in the order of commit and none is ever skipped.

CREATE TABLE outbox (
    sequence BIGINT PRIMARY KEY,
    message_id TEXT NOT NULL UNIQUE,
    topic TEXT NOT NULL,
    subject TEXT NOT NULL,
    headers TEXT NOT NULL,
    body TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'sent', 'parked')),
    reason TEXT
);
CREATE INDEX outbox_by_state ON outbox (state, sequence);
