-- Package sets: chunks by digest, shared by all tags; pages are lists of chunks, shared likewise; a
-- revision is the pages whose interval of revisions [from_number, to_number) holds its number.

CREATE TABLE pkgset_chunks (
    digest TEXT PRIMARY KEY,
    content BYTEA NOT NULL
);

CREATE TABLE pkgset_pages (
    digest TEXT PRIMARY KEY,
    content TEXT NOT NULL
);

CREATE TABLE pkgset_places (
    tag TEXT NOT NULL,
    first TEXT NOT NULL,
    page TEXT NOT NULL REFERENCES pkgset_pages (digest),
    from_number BIGINT NOT NULL,
    to_number BIGINT,
    PRIMARY KEY (tag, first, from_number)
);
CREATE INDEX pkgset_places_by_end ON pkgset_places (tag, to_number);
CREATE INDEX pkgset_places_by_page ON pkgset_places (page);

CREATE TABLE pkgset_revisions (
    tag TEXT NOT NULL,
    number BIGINT NOT NULL,
    digest TEXT NOT NULL,
    event_id BIGINT NOT NULL,
    arches TEXT NOT NULL,
    builds BIGINT NOT NULL,
    rpms BIGINT NOT NULL,
    made_at BIGINT NOT NULL,
    caused_at BIGINT,
    PRIMARY KEY (tag, number)
);
CREATE INDEX pkgset_revisions_by_age ON pkgset_revisions (made_at);

-- Builds that would be in the set and are not yet, with the reason.
CREATE TABLE held (
    tag TEXT NOT NULL,
    package TEXT NOT NULL,
    nvr TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (tag, nvr)
);
CREATE INDEX held_by_package ON held (tag, package);
