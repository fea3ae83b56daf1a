-- Generations of live repositories, and the lists of segments that their metadata is made of: each once
-- by digest, shared by all that show the same.

CREATE TABLE manifests (
    digest TEXT PRIMARY KEY,
    content BYTEA NOT NULL
);

CREATE TABLE generations (
    tag TEXT NOT NULL,
    repo TEXT NOT NULL,
    number BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    style TEXT NOT NULL,
    form TEXT NOT NULL CHECK (form IN ('files', 'assembled')),
    compression TEXT NOT NULL,
    manifest TEXT NOT NULL REFERENCES manifests (digest),
    repomd TEXT NOT NULL,
    files TEXT NOT NULL,
    records TEXT NOT NULL,
    signature TEXT,
    pool TEXT NOT NULL,
    packages BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('publishing', 'current', 'kept')),
    made_at BIGINT NOT NULL,
    replaced_at BIGINT,
    lag BIGINT,
    PRIMARY KEY (tag, repo, number)
);
CREATE INDEX generations_by_state ON generations (state, tag, repo);
CREATE INDEX generations_by_manifest ON generations (manifest);

-- Repositories that nobody wants any more: why, since when, and when they were removed. Numbers of generations go on
-- from last_number where one is wanted again.
CREATE TABLE unwanted_repos (
    tag TEXT NOT NULL,
    repo TEXT NOT NULL,
    why TEXT NOT NULL,
    since BIGINT NOT NULL,
    last_number BIGINT NOT NULL,
    removed_at BIGINT,
    PRIMARY KEY (tag, repo)
);
