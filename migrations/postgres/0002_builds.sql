-- Builds, and RPM files by what they hold. The hub_id is the id in the build system, our own where that is the
-- local one; a hub's builds are known by their rows before any file of theirs is.

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
    content TEXT NOT NULL,
    sigkey TEXT,
    source_rpm TEXT NOT NULL,
    build_time BIGINT NOT NULL,
    fragments BYTEA NOT NULL
);
CREATE INDEX rpms_by_name ON rpms (name, version, release, arch);

CREATE TABLE build_rpms (
    build_id BIGINT NOT NULL REFERENCES builds (id),
    path TEXT NOT NULL,
    sha256 TEXT NOT NULL REFERENCES rpms (sha256),
    PRIMARY KEY (build_id, path)
);
CREATE INDEX build_rpms_by_sha256 ON build_rpms (sha256);
