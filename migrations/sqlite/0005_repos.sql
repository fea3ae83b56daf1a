-- Generations of live repositories, and the lists of segments that their metadata is made of: each once
-- by digest, shared by all that show the same.

CREATE TABLE manifests (
    digest TEXT PRIMARY KEY,
    content BLOB NOT NULL
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

-- External repositories that are merged into those of tags, by URL, with $arch replaced. The copy has the repomd.xml of
-- this digest, null until one was read; etag and last_modified are what its server is asked with the next time.
CREATE TABLE external_copies (
    url TEXT PRIMARY KEY,
    repomd TEXT,
    etag TEXT,
    last_modified TEXT,
    changed_at BIGINT,
    tried_at BIGINT,
    failing_since BIGINT,
    failures BIGINT NOT NULL,
    problem TEXT
);

-- Which merged repository is made of which, in their order; via is the tag that is joined with it.
CREATE TABLE external_uses (
    tag TEXT NOT NULL,
    arch TEXT NOT NULL,
    place BIGINT NOT NULL,
    url TEXT NOT NULL REFERENCES external_copies (url),
    name TEXT NOT NULL,
    via TEXT NOT NULL,
    PRIMARY KEY (tag, arch, place)
);
CREATE INDEX external_uses_by_url ON external_uses (url);

-- Generations of merged repositories. The key names what went in, parts says it in words; own is the generation of the
-- tag's repository among it, whose packages it needs.
CREATE TABLE merged_generations (
    tag TEXT NOT NULL,
    arch TEXT NOT NULL,
    number BIGINT NOT NULL,
    key TEXT NOT NULL,
    parts TEXT NOT NULL,
    why TEXT NOT NULL,
    own BIGINT NOT NULL,
    repomd TEXT NOT NULL,
    files TEXT NOT NULL,
    signature TEXT,
    packages BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('current', 'kept')),
    made_at BIGINT NOT NULL,
    replaced_at BIGINT,
    PRIMARY KEY (tag, arch, number)
);

-- Why a merged repository cannot be made anew: the last one stays.
CREATE TABLE merged_problems (
    tag TEXT NOT NULL,
    arch TEXT NOT NULL,
    since BIGINT NOT NULL,
    problem TEXT NOT NULL,
    PRIMARY KEY (tag, arch)
);
