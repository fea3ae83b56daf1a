-- Builds, and RPM files by what they hold. The hub_id is the id in the build system, our own where that is the
-- local one; a hub's builds are known by their rows before any file of theirs is. The content of an RPM is not known
-- where its payload was never read.

CREATE TABLE builds (
    id BIGINT PRIMARY KEY,
    buildsys TEXT NOT NULL,
    hub_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    release TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('complete', 'deleted')),
    exclusive_arch TEXT NOT NULL,
    exclude_arch TEXT NOT NULL,
    imported_at BIGINT NOT NULL,
    UNIQUE (buildsys, hub_id),
    UNIQUE (buildsys, name, version, release)
);

CREATE TABLE rpms (
    sha256 TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    version TEXT NOT NULL,
    release TEXT NOT NULL,
    arch TEXT NOT NULL,
    size BIGINT NOT NULL,
    content TEXT,
    sigkey TEXT,
    source_rpm TEXT NOT NULL,
    build_time BIGINT NOT NULL,
    fragments BLOB NOT NULL
);
CREATE INDEX rpms_by_name ON rpms (name, version, release, arch);

CREATE TABLE build_rpms (
    build_id BIGINT NOT NULL REFERENCES builds (id),
    path TEXT NOT NULL,
    sha256 TEXT NOT NULL REFERENCES rpms (sha256),
    PRIMARY KEY (build_id, path)
);
CREATE INDEX build_rpms_by_sha256 ON build_rpms (sha256);

-- What a hub says of the RPMs of a build, whole: a row is there once it was asked. The refusal is why the build can be
-- in no set, if it cannot.
CREATE TABLE hub_listings (
    build_id BIGINT PRIMARY KEY REFERENCES builds (id),
    volume TEXT NOT NULL,
    rpms TEXT NOT NULL,
    left_out TEXT NOT NULL,
    refusal TEXT,
    listed_at BIGINT NOT NULL
);

-- What went wrong when a build was last listed (no part) or its files were read (the key, or 'unsigned').
CREATE TABLE hub_problems (
    build_id BIGINT NOT NULL REFERENCES builds (id),
    part TEXT NOT NULL,
    problem TEXT NOT NULL,
    since BIGINT NOT NULL,
    PRIMARY KEY (build_id, part)
);

-- What the signatures of a file are worth, by the file and the digest of the keys that they were held against. The word
-- is the fingerprint of the key that made a good one, else why there is none; or why that could not be said, which is
-- tried again.
CREATE TABLE verdicts (
    sha256 TEXT NOT NULL REFERENCES rpms (sha256) ON DELETE CASCADE,
    keys TEXT NOT NULL,
    verdict TEXT NOT NULL CHECK (verdict IN ('good', 'bad', 'unknown')),
    word TEXT NOT NULL,
    PRIMARY KEY (sha256, keys)
);
