-- Package sets: chunks by digest, shared by all tags; a revision is a list of chunks.

CREATE TABLE pkgset_chunks (
    digest TEXT PRIMARY KEY,
    content BLOB NOT NULL
);

CREATE TABLE pkgset_revisions (
    tag TEXT NOT NULL,
    number BIGINT NOT NULL,
    digest TEXT NOT NULL,
    event_id BIGINT NOT NULL,
    arches TEXT NOT NULL,
    chunks TEXT NOT NULL,
    builds BIGINT NOT NULL,
    rpms BIGINT NOT NULL,
    made_at BIGINT NOT NULL,
    PRIMARY KEY (tag, number)
);

-- Builds that would be in the set and are not yet, with the reason.
CREATE TABLE held (
    tag TEXT NOT NULL,
    package TEXT NOT NULL,
    nvr TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (tag, nvr)
);
CREATE INDEX held_by_package ON held (tag, package);
