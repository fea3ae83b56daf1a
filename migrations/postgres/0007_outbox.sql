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

-- How far has each webhook come? What stands after the cursor is still to be delivered, one after the
-- other. Times and attempts are those of the message that is due.
CREATE TABLE webhooks (
    name TEXT PRIMARY KEY,
    cursor BIGINT NOT NULL,
    delivered BIGINT NOT NULL,
    delivered_at BIGINT,
    failing_since BIGINT,
    attempts BIGINT NOT NULL,
    tried_at BIGINT,
    problem TEXT
);

-- Messages that a webhook did not take for a day. `again`: to be delivered before all others.
CREATE TABLE webhook_parked (
    webhook TEXT NOT NULL REFERENCES webhooks (name),
    sequence BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('parked', 'again')),
    reason TEXT NOT NULL,
    parked_at BIGINT NOT NULL,
    PRIMARY KEY (webhook, sequence)
);
CREATE INDEX webhook_parked_by_sequence ON webhook_parked (sequence);
