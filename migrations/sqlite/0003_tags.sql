-- Tags with Koji's meaning: links, package lists and taggings as intervals [from_event, to_event).

CREATE TABLE tags (
    id BIGINT PRIMARY KEY,
    buildsys TEXT NOT NULL,
    name TEXT NOT NULL,
    arches TEXT NOT NULL,
    created_event BIGINT NOT NULL,
    UNIQUE (buildsys, name)
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
