-- Generations of live repositories.

CREATE TABLE generations (
    tag TEXT NOT NULL,
    repo TEXT NOT NULL,
    number BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    input TEXT NOT NULL,
    repomd TEXT NOT NULL,
    files TEXT NOT NULL,
    pool TEXT NOT NULL,
    packages BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('publishing', 'current', 'kept')),
    made_at BIGINT NOT NULL,
    replaced_at BIGINT,
    PRIMARY KEY (tag, repo, number)
);
CREATE INDEX generations_by_state ON generations (state);
