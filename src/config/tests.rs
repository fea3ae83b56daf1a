//! What does the operator read after a mistake? Error texts, precedence, and the manual held to the code.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;

struct Dir(tempfile::TempDir);

impl Dir {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join("tannery.toml");
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Returns the error about a file of this text, the directory's name taken off.
    fn refused(&self, text: impl AsRef<[u8]>) -> String {
        self.refused_with(text, &[])
    }

    fn refused_with(&self, text: impl AsRef<[u8]>, env: &[(&str, &str)]) -> String {
        let path = self.write(text);
        let error = Config::load(Some(&path), &Overrides::none(), variables(env)).unwrap_err();
        error.to_string().replace(&format!("{}/", self.0.path().display()), "")
    }
}

fn variables(list: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    list.iter().map(|(name, value)| (name.into(), value.into())).collect()
}

fn load(text: &str, env: &[(&str, &str)]) -> Config {
    let dir = Dir::new();
    Config::load(Some(&dir.write(text)), &Overrides::none(), variables(env)).unwrap()
}

#[test]
fn a_mistake_is_named_with_its_place_and_the_nearest_name() {
    let dir = Dir::new();
    for (text, expected) in [
        ("[repos]\nkeep_fro = \"1h\"", r#"2:1: unknown key "keep_fro" in [repos]; did you mean "keep_for"?"#),
        ("[repos]\n  wholly_other = 1", r#"2:3: unknown key "wholly_other" in [repos]"#),
        ("[reops]\nquiet = \"1s\"", "1:2: unknown section [reops]; did you mean [repos]?"),
        ("datadir = \"x\"", r#"1:1: unknown key "datadir"; did you mean "data_dir"?"#),
        (
            "[[follow]]\ntags = [\"*\"]\n[[follow]]\ntags = [\"f*\"]\narch = []",
            r#"5:1: unknown key "arch" in [[follow]]; did you mean "arches"?"#,
        ),
        ("\"a\\nb\" = 1", r#"1:1: unknown key "a\nb""#),
        (
            "[repos]\nkeep_generations = \"3\"",
            r#"2:20: repos.keep_generations: invalid type: string "3", expected a nonzero u32"#,
        ),
        (
            "[repos]\nkeep_generations = 0",
            "2:20: repos.keep_generations: invalid value: integer `0`, expected a nonzero u32",
        ),
        ("[http]\nbind = \"localhost\"", "2:8: http.bind: invalid socket address syntax"),
        ("http = 5", "1:8: http: invalid type: integer `5`, expected a section"),
        (
            "[repos]\nquiet = \"2 seconds\"",
            "2:9: repos.quiet: \"2 seconds\" is not a duration: write a whole number and ms, s, m, h or d, as in \
             \"200ms\" or \"7d\", at most 100 years",
        ),
        (
            "[inbox]\nmax_body = \"4MB\"",
            "2:12: inbox.max_body: \"4MB\" is not a size: write a whole number and B, KiB, MiB, GiB or TiB, as in \
             \"4MiB\"",
        ),
        (
            "[log]\nformat = \"jsno\"",
            "2:10: log.format: unknown variant `jsno`, expected one of `auto`, `human`, `json`",
        ),
        (
            "[[follow]]\ntags = [\"ok\", \"f[43]\"]",
            "2:8: follow.tags: \"f[43]\" is not a tag pattern: write a tag's name, in which * is any text and ? one \
             character",
        ),
        ("[[follow]]\ntags = []", "2:1: follow.tags: needs at least one pattern"),
        ("[[follow]]\narches = [\"x86_64\"]", "1:1: follow: missing field `tags`"),
        ("[[follow]]\ntags = [\"*\"]\narches = [\"src\"]", "3:1: follow.arches: src is not a base arch such as x86_64"),
        (
            "[[follow]]\ntags = [\"*\"]\nunsigned = false",
            "3:1: follow.unsigned: without sigkeys, false would let nothing in: name the keys",
        ),
        ("[repos]\nquiet = \"5s\"", "1:2: repos.at_latest: is shorter than quiet"),
        ("[bus]\nqueue = \"q\"", "1:2: bus.url: a broker needs its address: write amqp://… or amqps://…"),
        (
            "[bus]\nurl = \"amqp://h\"\nca = \"ca.pem\"",
            "3:1: bus.ca: has no effect without TLS: bus.url must begin with amqps://",
        ),
        (
            "[bus]\nurl = \"amqps://h\"\nkey = \"key.pem\"",
            "3:1: bus.key: a key needs its certificate: set bus.cert too",
        ),
    ] {
        assert_eq!(dir.refused(text), format!("tannery.toml:{expected}"), "{text}");
    }
}

#[test]
fn how_many_builds_a_set_has_is_a_number_or_all() {
    let dir = Dir::new();
    for value in ["0", "-1", "\"1\"", "true", "5000000000"] {
        let expected = "3:10: follow.latest: is neither a number of builds, from 1 on, nor \"all\"";
        let refused = dir.refused(format!("[[follow]]\ntags = [\"*\"]\nlatest = {value}"));
        assert_eq!(refused, format!("tannery.toml:{expected}"), "{value}");
    }
}

#[test]
fn text_that_is_not_toml_is_refused_where_it_stops_to_be() {
    let dir = Dir::new();
    for (text, place, word) in [
        ("[repos]\nquiet = \"1s\"\nquiet = \"2s\"", "tannery.toml:3:1: ", "duplicate key"),
        ("[repos]\n[repos]", "tannery.toml:2:2: ", "duplicate key"),
        ("[repos\nquiet = 1", "tannery.toml:1:7: ", "unclosed table"),
        ("ä = \"x", "tannery.toml:1:1: ", ""),
    ] {
        let error = dir.refused(text);
        assert!(error.starts_with(place) && error.contains(word), "{text}: {error}");
        assert!(!error.contains('\n'), "{error}");
    }
    assert_eq!(dir.refused(b"[log]\n# caf\xe9\n"), "tannery.toml:2:6: not UTF-8 text");
    assert!(dir.refused("a = ".to_owned() + &"[".repeat(100_000)).starts_with("tannery.toml:1:"));
}

#[test]
fn a_file_beyond_all_sense_is_not_read() {
    let dir = Dir::new();
    assert_eq!(dir.refused("#".repeat((1 << 20) + 1)), "tannery.toml is larger than 1048576 bytes");
    assert_eq!(load(&"#".repeat(1 << 20), &[]).repos, Repos::default());
    let error = Config::load(Some(Path::new("/nowhere/t.toml")), &Overrides::none(), []).unwrap_err();
    assert_eq!(error.to_string(), "cannot read /nowhere/t.toml");
}

#[test]
fn an_address_that_others_reach_needs_a_token() {
    let dir = Dir::new();
    let expected = "can be reached from outside: set http.token_file or http.tokens too";
    for bind in ["0.0.0.0:80", "[::]:80", "192.0.2.1:80", "[::ffff:192.0.2.1]:80"] {
        let error = dir.refused(format!("[http]\nbind = \"{bind}\""));
        assert_eq!(error, format!("tannery.toml:2:1: http.bind: {bind} {expected}"));
        load(&format!("[http]\nbind = \"{bind}\"\ntokens = [\"0123456789abcdef\"]"), &[]);
    }
    for bind in ["127.0.0.1:80", "127.9.9.9:80", "[::1]:80", "[::ffff:127.0.0.1]:0"] {
        assert!(load(&format!("[http]\nbind = \"{bind}\""), &[]).http.tokens.is_empty());
    }
    let error = dir.refused_with("", &[("TANNERY_HTTP__BIND", "0.0.0.0:80")]);
    assert_eq!(error, format!("environment variable TANNERY_HTTP__BIND: http.bind: 0.0.0.0:80 {expected}"));
}

#[test]
fn tokens_are_read_from_their_file() {
    let dir = Dir::new();
    let tokens = dir.0.path().join("tokens");
    std::fs::write(&tokens, "# ours\n\n0123456789abcdef\n  fedcba9876543210  \n").unwrap();
    let config = Config::load(Some(&dir.write("[http]\ntoken_file = \"tokens\"")), &Overrides::none(), []).unwrap();
    let exposed: Vec<_> = config.http.tokens.iter().map(Secret::expose).collect();
    assert_eq!(exposed, ["0123456789abcdef", "fedcba9876543210"]);

    std::fs::write(&tokens, "# none\n").unwrap();
    let error = dir.refused("[http]\ntoken_file = \"tokens\"");
    assert_eq!(error, "tannery.toml:2:1: http.token_file: tokens holds no token");
    std::fs::write(&tokens, "# one\nhunter2\n").unwrap();
    let error = dir.refused("[http]\ntoken_file = \"tokens\"");
    assert_eq!(error, "tannery.toml:2:1: http.token_file: tokens:2: a token needs at least 16 characters");
}

#[test]
fn a_secret_is_not_repeated_in_an_error() {
    let dir = Dir::new();
    for text in [
        "[http]\ntokens = \"hunter2\"",
        "[http]\ntokens = [\"hunter2\"]",
        "[bus]\nurl = \"amq://u:hunter2@h\"",
        "[bus]\nurl = [\"amqp://u:hunter2@h\"]",
        "[state]\nurl = \"u:hunter2@h\"",
        "[state]\nurl = { hunter2 = 1 }",
    ] {
        let error = dir.refused(text);
        assert!(error.starts_with("tannery.toml:2:") && !error.contains("hunter2"), "{error}");
    }
    let error = dir.refused_with("", &[("TANNERY_HTTP__TOKENS", "hunter2")]);
    assert_eq!(error, "environment variable TANNERY_HTTP__TOKENS: http.tokens: expected a sequence");
}

#[test]
fn a_variable_with_a_mistake_is_named() {
    let dir = Dir::new();
    for (name, value, expected) in [
        ("TANNERY_HTTP__BNID", "x", r#"unknown key "http.bnid"; did you mean TANNERY_HTTP__BIND?"#),
        ("TANNERY_HTPT__BIND", "x", r#"unknown key "htpt.bind"; did you mean TANNERY_HTTP__BIND?"#),
        ("TANNERY_DATADIR", "x", r#"unknown key "datadir"; did you mean TANNERY_DATA_DIR?"#),
        ("TANNERY_HTTP__", "x", r#"unknown key "http.""#),
        ("TANNERY_HTTP__BIND__PORT", "1", "http.bind.port: invalid type: map, expected socket address"),
        ("TANNERY_FOLLOW__TAGS", "x", "follow.tags: follow is not a section"),
        (
            "TANNERY_REPOS__KEEP_GENERATIONS",
            "many",
            r#"repos.keep_generations: invalid type: string "many", expected a nonzero u32"#,
        ),
        ("TANNERY_LOG", "debug", r#"log: invalid type: string "debug", expected a section"#),
    ] {
        let text = "[[follow]]\ntags = [\"*\"]";
        let error = dir.refused_with(text, &[("HOME", "/root"), (name, value)]);
        assert_eq!(error, format!("environment variable {name}: {expected}"));
    }
    let env = [(OsString::from("TANNERY_LOG__LEVEL"), OsStr::from_bytes(b"\xff").to_owned())];
    let error = Config::load(None, &Overrides::none(), env).unwrap_err();
    assert_eq!(error.to_string(), "environment variable TANNERY_LOG__LEVEL: not UTF-8 text");
}

#[test]
fn flags_win_over_environment_and_environment_over_the_file() {
    let text = "[repos]\nkeep_for = \"2h\"\nquiet = \"1s\"\nat_latest = \"9s\"";
    let env = [("TANNERY_REPOS__QUIET", "2s"), ("TANNERY_REPOS__AT_LATEST", "8s"), ("TANNERY_CONFIG", "no option")];
    let mut flags = Overrides::none();
    flags.text("--at-latest", "repos.at_latest", "7s");
    flags.value("--set", "repos.keep_generations", "5");
    let dir = Dir::new();
    let repos = Config::load(Some(&dir.write(text)), &flags, variables(&env)).unwrap().repos;
    assert_eq!(repos.keep_for, Duration::from_secs(7200));
    assert_eq!(repos.quiet, Duration::from_secs(2));
    assert_eq!(repos.at_latest, Duration::from_secs(7));
    assert_eq!(repos.keep_generations.get(), 5);

    flags.value("--set", "repos.keep_generation", "5");
    let error = Config::load(None, &flags, []).unwrap_err().to_string();
    assert_eq!(error, r#"--set: unknown key "repos.keep_generation"; did you mean "repos.keep_generations"?"#);
}

#[test]
fn a_text_flag_is_never_read_as_toml() {
    let mut flags = Overrides::none();
    flags.text("--data-dir", "data_dir", "2026");
    let config = Config::load(None, &flags, []).unwrap();
    assert_eq!(config.data_dir, std::env::current_dir().unwrap().join("2026"));
}

#[test]
fn the_environment_alone_can_open_a_section() {
    let env = [("TANNERY_BUS__QUEUE", "q"), ("TANNERY_BUS__URL", "amqp://u:p@broker/%2Fvhost")];
    let bus = load("", &env).bus.unwrap();
    assert_eq!((bus.queue.as_str(), bus.url.to_string().as_str()), ("q", "amqp://u:***@broker/%2Fvhost"));
    let env = [("TANNERY_FOLLOW", r#"[{ tags = ["f43*"], arches = ["s390x"] }]"#)];
    let follow = load("[[follow]]\ntags = [\"*\"]", &env).follow;
    assert!(follow.for_tag(&"f42".parse().unwrap()).is_none());
    assert_eq!(Dir::new().refused_with("", &[("TANNERY_BUS__QUEUE", "q")]), {
        "environment variable TANNERY_BUS__QUEUE: bus.url: a broker needs its address: write amqp://… or amqps://…"
    });
}

#[test]
fn relative_paths_begin_where_they_were_written() {
    let dir = Dir::new();
    let path = dir.write("data_dir = \"data\"\n[buildsys]\nvolume = \"../volume\"");
    let here = std::env::current_dir().unwrap();
    let config = Config::load(Some(&path), &Overrides::none(), variables(&[("TANNERY_COMPOSE__DIR", "out")])).unwrap();
    assert_eq!(config.data_dir, dir.0.path().join("data"));
    assert_eq!(config.database, Database::Sqlite(dir.0.path().join("data/state.sqlite")));
    assert_eq!(config.buildsys.volume, dir.0.path().join("../volume"));
    assert_eq!(config.compose.dir, here.join("out"));
    assert_eq!(load("", &[]).data_dir, here.join("tannery-data"));
}

#[test]
fn the_first_rule_that_matches_holds_and_inherits() {
    let config = load(
        r#"
        [repos]
        keep_for = "2h"
        [[follow]]
        tags = ["f43-updates", "eln*"]
        arches = ["x86_64", "aarch64"]
        sigkeys = ["FD431D51", "00000000"]
        latest = 3
        multilib = { x86_64 = ["i686"] }
        compression = "gzip"
        [[follow]]
        tags = ["f*"]
        live = "never"
        latest = "all"
        sigkeys = ["fd431d51"]
        unsigned = true
        "#,
        &[],
    );
    let rule = |tag: &str| config.follow.for_tag(&tag.parse().unwrap());
    let first = rule("f43-updates").unwrap();
    assert_eq!(rule("eln-build"), Some(first));
    assert_eq!(first.repos.keep_for, Duration::from_secs(7200));
    assert_eq!(first.repos.compression, Compression::Gzip { level: 5 });
    assert_eq!(first.signatures, [Some("fd431d51".parse().unwrap()), Some("00000000".parse().unwrap())]);
    assert_eq!(first.repos_of(&[]).multilib, [("x86_64".parse().unwrap(), vec!["i686".parse().unwrap()])]);
    assert_eq!(first.latest_of(Some(true)).limit(), Some(3), "whatever the tag itself says");
    let second = rule("f42").unwrap();
    assert_eq!(second.latest_of(Some(false)).limit(), None);
    assert_eq!((second.live, second.repos.compression), (Live::Never, Compression::Zstd { level: 8 }));
    assert_eq!(second.signatures, [Some("fd431d51".parse().unwrap()), None]);
    assert_eq!(rule("centos"), None);
}

#[test]
fn without_a_rule_every_tag_is_followed() {
    let config = Config::default_for(Path::new("/srv/tannery"));
    let rule = config.follow.for_tag(&"any-tag".parse().unwrap()).unwrap();
    let limits = [None, Some(false), Some(true)].map(|include_all| rule.latest_of(include_all).limit());
    assert_eq!(limits, [Some(1), Some(1), None], "as the tag itself says");
    assert_eq!((rule.live, rule.signatures.as_slice()), (Live::Always, &[None][..]));
    assert_eq!(config.buildsys.volume, Path::new("/srv/tannery/volume"));
    assert_eq!(config.http.url("127.0.0.1:4711".parse().unwrap()), "http://127.0.0.1:4711");
    assert!(config.bus.is_none());
    let odd = Config::default_for(Path::new(OsStr::from_bytes(b"/srv/\xff")));
    assert_eq!(odd.compose.dir, Path::new(OsStr::from_bytes(b"/srv/\xff/composes")));
}

#[test]
fn records_are_files_from_where_the_configuration_is() {
    let dir = Dir::new();
    let text = "[[follow]]\ntags = [\"f*\"]\nrecords = { group = \"a/{tag}.xml\", productid = \"/p\" }";
    let config = Config::load(Some(&dir.write(text)), &Overrides::none(), []).unwrap();
    let (tag, arch) = ("f43".parse().unwrap(), "x86_64".parse().unwrap());
    let records = config.follow.rules()[0].records.iter();
    let files: Vec<_> = records.map(|(kind, file)| (kind.to_string(), file.of(&tag, &arch))).collect();
    let group = dir.0.path().join("a/f43.xml");
    assert_eq!(files, [("group".to_owned(), group), ("productid".to_owned(), PathBuf::from("/p"))]);
    let refused = dir.refused("[[follow]]\ntags = [\"*\"]\nrecords = { primary = \"x\" }");
    assert!(refused.contains("\"primary\" is no type of a record"), "{refused}");
}

#[test]
fn keys_are_had_from_where_the_configuration_is() {
    let dir = Dir::new();
    let text = "[[follow]]\ntags = [\"a\"]\nverify = \"required\"\nkeys_file = \"keys/oak.asc\"\n[[follow]]\n\
                tags = [\"b\"]\nverify = \"preferred\"\nkeys_file = \"/oak.asc\"\n[[follow]]\ntags = [\"c\"]\nverify = \"off\"";
    let config = Config::load(Some(&dir.write(text)), &Overrides::none(), []).unwrap();
    let all: Vec<&Verify> = config.follow.rules().iter().map(|rule| &rule.verify).collect();
    let ours = dir.0.path().join("keys/oak.asc");
    assert_eq!(all, [&Verify::Required(ours.clone()), &Verify::Preferred("/oak.asc".into()), &Verify::Off]);
    assert_eq!([all[0].keys_file(), all[2].keys_file()], [Some(ours.as_path()), None]);
    for (options, expected) in [
        ("verify = \"required\"", "follow.verify: needs the keys that are trusted: name their keys_file"),
        (
            "keys_file = \"k\"\nverify = \"off\"",
            "follow.keys_file: has no effect without verify = \"preferred\" or \"required\"",
        ),
    ] {
        let error = dir.refused(format!("[[follow]]\ntags = [\"*\"]\n{options}"));
        assert_eq!(error, format!("tannery.toml:3:1: {expected}"));
    }
}

#[test]
fn a_webhook_needs_a_name_of_its_own_an_address_and_a_secret_in_a_file() {
    let dir = Dir::new();
    std::fs::write(dir.0.path().join("secret"), "# of ci\n0123456789abcdef\n").unwrap();
    let hook = |name: &str, more: &str| {
        format!("[[webhook]]\nname = \"{name}\"\nurl = \"https://h/x\"\nsecret_file = \"secret\"\n{more}\n")
    };
    let text = hook("ci", "topics = [\"tannery.*.changed\", \"pungi.#\"]\nca = \"ca.pem\"") + &hook("all", "");
    let config = Config::load(Some(&dir.write(text)), &Overrides::none(), []).unwrap();
    let [ci, all] = config.webhooks.as_slice() else { panic!("{:?}", config.webhooks) };
    assert_eq!((ci.name.as_str(), ci.secret.expose(), ci.ca.clone()), {
        ("ci", "0123456789abcdef", Some(dir.0.path().join("ca.pem")))
    });
    assert_eq!(ci.url.origin(), "https://h");
    assert!(ci.takes("tannery.tag.changed") && !ci.takes("tannery.compose.status") && all.takes("anything"));
    for (text, expected) in [
        ("[[webhook]]\nname = \"ci\"".to_owned(), "1:1: webhook: missing field `url`"),
        (hook("ci", "") + &hook("ci", ""), "7:1: webhook.name: ci is the name of two webhooks"),
        (hook("ci", "topics = []"), "5:1: webhook.topics: needs at least one pattern"),
        (
            hook("ci", "secret_fil = \"x\""),
            "5:1: unknown key \"secret_fil\" in [[webhook]]; did you mean \"secret_file\"?",
        ),
        (
            hook("ci", "").replace("https://h/x", "http://me:hunter2@h"),
            "3:7: webhook.url: must have neither user nor fragment: messages are signed with secret_file",
        ),
        (
            hook("ci", "ca = \"c\"").replace("https", "http"),
            "5:1: webhook.ca: has no effect without TLS: url must begin with https://",
        ),
    ] {
        assert_eq!(dir.refused(&text), format!("tannery.toml:{expected}"), "{text}");
    }
    std::fs::write(dir.0.path().join("secret"), "0123456789abcdef\n0123456789abcdef\n").unwrap();
    assert!(dir.refused(hook("ci", "")).ends_with("4:1: webhook.secret_file: secret holds more than one secret"));
}

#[test]
fn a_hub_needs_its_kind_its_address_and_follow_rules() {
    let dir = Dir::new();
    let hub = "[koji]\nhub = \"http://h\"\n[buildsys]\nkind = \"koji\"";
    for (text, expected) in [
        ("[koji]\nburst_at_latest = \"1s\"", "2:1: koji.burst_at_latest: is shorter than at_latest"),
        ("[koji]\nhub = \"http://h\"", "2:1: koji.hub: has no effect without kind = \"koji\" in [buildsys]"),
        ("[buildsys]\nkind = \"koji\"", "2:1: buildsys.kind: a hub needs its address: set koji.hub"),
        (hub, "4:1: buildsys.kind: a hub has too many tags to follow all: write [[follow]] rules"),
    ] {
        assert_eq!(dir.refused(text), format!("tannery.toml:{expected}"), "{text}");
    }
}

fn manual() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config/tannery.toml")
}

#[test]
fn the_manual_as_shipped_gives_the_defaults() {
    let shipped = Config::load(Some(&manual()), &Overrides::none(), []).unwrap();
    assert_eq!(shipped, Config::load(None, &Overrides::none(), []).unwrap());
}

#[test]
fn every_default_in_the_manual_is_the_default() {
    let text = std::fs::read_to_string(manual()).unwrap();
    let option = |line: &str| line.starts_with(|c: char| c.is_ascii_lowercase() || c == '[');
    let lines = text.lines().map(|line| line.strip_prefix('#').filter(|rest| option(rest)).unwrap_or(line));
    let uncommented: String = lines.flat_map(|line| [line, "\n"]).collect();
    assert!(uncommented.contains("\nkeep_generations = 3\n") && uncommented.contains("\n[bus]\n"));
    let mut flags = Overrides::none();
    flags.text("--bus", "bus.url", "amqp://broker");
    let said = Config::load(Some(&Dir::new().write(uncommented)), &flags, []).unwrap();
    assert_eq!(said, Config::load(None, &flags, []).unwrap());
}

#[test]
fn every_option_is_in_the_manual() {
    let text = std::fs::read_to_string(manual()).unwrap();
    let valid = |section: &str| {
        let error = toml::from_str::<RawConfig>(&format!("{section}\nno_such_key = 1")).unwrap_err();
        document::unknown_field(error.message()).unwrap()
    };
    let described = |part: &str, key: &str| {
        part.lines().any(|line| line.strip_prefix('#').is_some_and(|rest| rest.trim().starts_with(&format!("{key} ="))))
    };
    let part = |header: &str| {
        let shown = ["", "#", "#   "].map(|before| format!("\n{before}{header}\n"));
        let start = shown.iter().find_map(|shown| text.find(shown)).unwrap();
        let rest = &text[start + header.len() + 2..];
        let end = rest.find("\n[").into_iter().chain(rest.find("\n#[")).min().unwrap_or(rest.len());
        &rest[..end]
    };
    for name in valid("") {
        match name.as_str() {
            "data_dir" => assert!(described(&text, &name)),
            section => {
                let is_list = ["follow", "webhook"].contains(&section);
                let header = if is_list { format!("[[{section}]]") } else { format!("[{section}]") };
                for key in valid(&header) {
                    assert!(described(part(&header), &key), "{header} {key}");
                }
            }
        }
    }
}
