-- Tags with Koji's meaning: settings, links, package lists and taggings as intervals [from_event, to_event). Event
-- ids are those of the build system; those of two never compare.

-- A tag is known by (buildsys, hub_id); the hub_id of a tag of ours is its id. It is there at an event where it has
-- a row of settings then. The rows of a hub's tag are complete from since_event on; whole_event is the event of the
-- last reading of all, read_event that of the last one of anything. All are 0 where we keep the rows ourselves.
CREATE TABLE tags (
    id BIGINT PRIMARY KEY,
    buildsys TEXT NOT NULL,
    hub_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    since_event BIGINT NOT NULL,
    whole_event BIGINT NOT NULL,
    read_event BIGINT NOT NULL,
    UNIQUE (buildsys, hub_id),
    UNIQUE (buildsys, name)
);

CREATE TABLE tag_configs (
    tag_id BIGINT NOT NULL REFERENCES tags (id),
    arches TEXT NOT NULL,
    lock TEXT NOT NULL CHECK (lock IN ('open', 'locked')),
    from_event BIGINT NOT NULL,
    to_event BIGINT,
    PRIMARY KEY (tag_id, from_event)
);

-- Further settings that decide a set, as JSON; null for one that is taken away from what is inherited.
CREATE TABLE tag_extras (
    tag_id BIGINT NOT NULL REFERENCES tags (id),
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    from_event BIGINT NOT NULL,
    to_event BIGINT,
    PRIMARY KEY (tag_id, key, from_event)
);

-- Repositories outside. What has no history in the hub (url, merge_mode, arches) is as it was at the last reading at
-- which the row counted; without a url it never did.
CREATE TABLE tag_repos (
    tag_id BIGINT NOT NULL REFERENCES tags (id),
    repo_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    url TEXT,
    priority BIGINT NOT NULL,
    merge_mode TEXT,
    arches TEXT NOT NULL,
    from_event BIGINT NOT NULL,
    to_event BIGINT,
    PRIMARY KEY (tag_id, repo_id, from_event)
);

CREATE TABLE tag_parents (
    tag_id BIGINT NOT NULL REFERENCES tags (id),
    parent_id BIGINT NOT NULL REFERENCES tags (id),
    priority BIGINT NOT NULL,
    maxdepth BIGINT,
    reach TEXT NOT NULL CHECK (reach IN ('transitive', 'intransitive')),
    config TEXT NOT NULL CHECK (config IN ('config', 'noconfig')),
    pkg_filter TEXT NOT NULL,
    from_event BIGINT NOT NULL,
    to_event BIGINT,
    PRIMARY KEY (tag_id, parent_id, from_event)
);
CREATE INDEX tag_parents_by_parent ON tag_parents (parent_id, tag_id);

CREATE TABLE tag_packages (
    tag_id BIGINT NOT NULL REFERENCES tags (id),
    package TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('listed', 'blocked')),
    from_event BIGINT NOT NULL,
    to_event BIGINT,
    PRIMARY KEY (tag_id, package, from_event)
);

-- What was done to a build in the local build system; a deletion is in every tag at once.
CREATE TABLE acts (
    event_id BIGINT PRIMARY KEY,
    build_id BIGINT NOT NULL REFERENCES builds (id),
    tag_id BIGINT REFERENCES tags (id),
    act TEXT NOT NULL CHECK (act IN ('tag', 'untag', 'delete', 'import'))
);
CREATE INDEX acts_by_build ON acts (build_id, event_id);

-- Derived from the acts of (tag, build), whatever the order they arrived in. The package is the name of
-- the build: so one package of a tag is found without the others.
CREATE TABLE taggings (
    tag_id BIGINT NOT NULL REFERENCES tags (id),
    package TEXT NOT NULL,
    build_id BIGINT NOT NULL REFERENCES builds (id),
    from_event BIGINT NOT NULL,
    to_event BIGINT,
    PRIMARY KEY (tag_id, package, build_id, from_event)
);
CREATE INDEX taggings_by_build ON taggings (build_id, tag_id);
