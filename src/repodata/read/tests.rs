//! What do readers make of other people's files, the hostile ones too?

use std::fmt::Write as _;
use std::io::Cursor;

use super::*;
use crate::model::{ChangelogEntry, FileEntry, FileKind};
use crate::repodata::Entry;

const COMMON: &str = "http://linux.duke.edu/metadata/common";
const RPM: &str = "http://linux.duke.edu/metadata/rpm";

fn pkgid(n: u32) -> String {
    format!("{n:064x}")
}

fn in_primary(n: u32) -> String {
    format!(
        "<package type=\"rpm\">\n  <name>p{n}</name>\n  <arch>noarch</arch>\n  <version epoch=\"1\" ver=\"2\" rel=\"3\"/>\n  \
         <checksum type=\"sha256\" pkgid=\"YES\">{}</checksum>\n  <summary>a &amp; b</summary>\n  \
         <time file=\"5\" build=\"6\"/>\n  <size package=\"7\" installed=\"8\" archive=\"9\"/>\n  \
         <location href=\"p{n}.rpm\"/>\n  <format>\n    <rpm:license>MIT</rpm:license>\n    \
         <rpm:requires>\n      <rpm:entry name=\"r\"/>\n    </rpm:requires>\n  </format>\n</package>",
        pkgid(n)
    )
}

fn in_side(n: u32, inside: &str) -> String {
    format!(
        "<package pkgid=\"{}\" name=\"p{n}\" arch=\"noarch\">\n  <version epoch=\"1\" ver=\"2\" rel=\"3\"/>{inside}\n</package>",
        pkgid(n)
    )
}

fn document(document: Document, packages: &[String]) -> String {
    let (root, space) = match document {
        Document::Primary => ("metadata", format!("{COMMON}\" xmlns:rpm=\"{RPM}")),
        Document::Filelists => ("filelists", COMMON.replace("common", "filelists")),
        Document::FilelistsExt => ("filelists-ext", COMMON.replace("common", "filelists-ext")),
        Document::Other => ("otherdata", COMMON.replace("common", "other")),
    };
    let mut text = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root} xmlns=\"{space}\" packages=\"7\">\n");
    for package in packages {
        let _ = writeln!(text, "{package}");
    }
    text + &format!("</{root}>\n")
}

fn packages(kind: Document, text: &str) -> Packages<Cursor<Vec<u8>>> {
    Packages::new(Cursor::new(text.as_bytes().to_vec()), kind, kind.as_str(), Limits::default())
}

/// Returns the names in a primary, or the first error.
fn names(text: &str) -> Result<Vec<String>, Error> {
    let mut packages = packages(Document::Primary, text);
    let mut names = Vec::new();
    while let Some(package) = packages.next()? {
        names.push(Quick::read(package)?.name);
    }
    Ok(names)
}

fn problem(text: &str) -> Problem {
    names(text).expect_err(text).problem
}

fn sides(filelists: &[u32], other: &[u32]) -> Vec<Side<'static, Cursor<Vec<u8>>>> {
    let text = |kind, numbers: &[u32]| {
        let packages: Vec<String> = numbers.iter().map(|n| in_side(*n, "")).collect();
        document(kind, &packages)
    };
    vec![
        Side::InStep(packages(Document::Filelists, &text(Document::Filelists, filelists))),
        Side::InStep(packages(Document::Other, &text(Document::Other, other))),
    ]
}

fn joined(primary: &[u32], sides: Vec<Side<'_, Cursor<Vec<u8>>>>) -> Result<Vec<String>, Error> {
    let packages_of: Vec<String> = primary.iter().map(|n| in_primary(*n)).collect();
    let mut joined = Joined::new(packages(Document::Primary, &document(Document::Primary, &packages_of)), sides);
    let mut names = Vec::new();
    while let Some(listed) = joined.next()? {
        assert_eq!(listed.described()?.name, listed.quick.name);
        names.push(listed.quick.name);
    }
    Ok(names)
}

#[test]
fn all_fields_of_all_files_are_read() {
    let primary = format!(
        r#"<package type="rpm"><name>a&lt;b</name><arch>x86_64</arch><version ver="1&amp;" rel="2" epoch="3"/>
        <checksum type="SHA" pkgid="YES">{}</checksum><summary>s</summary><description>
 d <![CDATA[<&]]>&#233;</description><packager/><url>u</url><time file="-1" build="2.5"/>
        <size package="4" installed="5" archive="6"/><location xml:base="http://h/" href="x&quot;.rpm"/><extra><name>n</name></extra>
        <format><rpm:license>l</rpm:license><rpm:vendor>v</rpm:vendor><rpm:group>g</rpm:group><rpm:buildhost>b</rpm:buildhost>
        <rpm:sourcerpm>s.src.rpm</rpm:sourcerpm><rpm:header-range start="7" end="8"/>
        <rpm:provides><rpm:entry name="p&#xE9;" flags="EQ" epoch="0" ver="1" rel="2"/></rpm:provides>
        <rpm:requires><rpm:entry name="r" pre="1"/><rpm:other/></rpm:requires><rpm:supplements/>
        <file>/etc/x</file><file type="dir">/bin/d</file></format></package>"#,
        "AB".repeat(20)
    );
    let head = format!(
        "<package pkgid=\"{}\" name=\"a&lt;b\" arch=\"x86_64\"><version epoch=\"3\" ver=\"1&amp;\" rel=\"2\"/>",
        "ab".repeat(20)
    );
    let filelists = format!("{head}<file>/a&amp;b</file><file type=\"ghost\">/g</file></package>");
    let other =
        format!("{head}<changelog author=\"A &lt;a@b&gt; - 1\" date=\"12\">- x\n- &lt;y&gt;</changelog></package>");
    let sides = vec![
        Side::InStep(packages(Document::Filelists, &document(Document::Filelists, std::slice::from_ref(&filelists)))),
        Side::InStep(packages(Document::Other, &document(Document::Other, &[other]))),
    ];
    let mut joined =
        Joined::new(packages(Document::Primary, &document(Document::Primary, std::slice::from_ref(&primary))), sides);
    let listed = joined.next().unwrap().unwrap();
    assert_eq!((listed.primary.text, listed.sides[0].1.text), (primary.as_str(), filelists.as_str()));
    assert_eq!(listed.quick.nevra(), "a<b-3:1&-2.x86_64");
    let described = listed.described().unwrap();
    assert_eq!((described.name.as_str(), described.version.as_str(), described.epoch.as_str()), ("a<b", "1&", "3"));
    assert_eq!((described.checksum.algorithm.as_str(), described.checksum.hex), ("sha", "ab".repeat(20)));
    assert_eq!((described.description.as_str(), described.packager.as_str()), ("\n d <&é", ""));
    assert_eq!((described.time_file, described.time_build), (-1, 2));
    assert_eq!((described.size_package, described.size_installed, described.size_archive), (4, 5, 6));
    assert_eq!((described.href.as_str(), described.base.as_deref()), ("x\".rpm", Some("http://h/")));
    assert_eq!([described.license, described.vendor, described.group, described.build_host].join(""), "lvgb");
    assert_eq!((described.source_rpm.as_str(), described.header_start, described.header_end), ("s.src.rpm", 7, 8));
    let [provides, requires, conflicts, .., supplements] = described.dependencies;
    let text = |text: &str| Some(text.to_owned());
    let provided = Entry {
        name: "pé".to_owned(),
        flags: text("EQ"),
        epoch: text("0"),
        version: text("1"),
        release: text("2"),
        pre: false,
    };
    assert_eq!((provides, conflicts, supplements), (Some(vec![provided]), None, Some(vec![])));
    assert_eq!(requires, Some(vec![Entry { name: "r".to_owned(), pre: true, ..Entry::default() }]));
    let file = |path: &str, kind| FileEntry { path: path.to_owned(), kind };
    assert_eq!(described.primary_files, [file("/etc/x", FileKind::Plain), file("/bin/d", FileKind::Dir)]);
    assert_eq!(described.files, [file("/a&b", FileKind::Plain), file("/g", FileKind::Ghost)]);
    let change = ChangelogEntry { author: "A <a@b> - 1".to_owned(), date: 12, text: "- x\n- <y>".to_owned() };
    assert_eq!(described.changelog, [change]);
    assert!(joined.next().unwrap().is_none());
}

#[test]
fn namespaces_count_and_prefixes_do_not() {
    let inside = in_primary(1).replace("rpm:", "r:").replace("<", "<c:").replace("<c:/", "</c:").replace("c:r:", "r:");
    let text = format!("\u{feff}<!-- x --><c:metadata xmlns:c='{COMMON}' xmlns:r='{RPM}'>{inside}</c:metadata>");
    let mut found = packages(Document::Primary, &text);
    let package = found.next().unwrap().unwrap();
    assert!(!package.is_usual);
    let listed = Listed { quick: Quick::read(package).unwrap(), primary: package, sides: vec![] };
    let described = listed.described().unwrap();
    assert_eq!((described.license.as_str(), described.dependencies[1].as_ref().unwrap().len()), ("MIT", 1));

    let usual = document(Document::Primary, &[in_primary(1)]);
    assert!(packages(Document::Primary, &usual).next().unwrap().unwrap().is_usual);
    let own = in_primary(1).replace("<format>", &format!("<format xmlns:rpm=\"{RPM}\">"));
    let text = format!(
        "<metadata xmlns=\"{COMMON}\">{own}<x:package xmlns:x=\"other\"><name>no</name></x:package></metadata>"
    );
    assert_eq!(names(&text).unwrap(), ["p1"]);
    let foreign = usual.replace("/common", "/commons");
    assert!(matches!(problem(&foreign), Problem::Root("metadata")));
    assert!(matches!(problem(&document(Document::Filelists, &[])), Problem::Root("metadata")));
}

#[test]
fn a_stream_that_is_cut_anywhere_is_no_document() {
    let text = document(Document::Primary, &[in_primary(1), in_primary(2)]);
    assert_eq!(names(&text).unwrap(), ["p1", "p2"]);
    for cut in 0..text.trim_end().len() {
        assert!(names(&text[..cut]).is_err(), "cut at {cut}");
    }
    assert_eq!(names(&format!("<metadata xmlns=\"{COMMON}\"/>")).unwrap(), [""; 0]);
}

#[test]
fn what_is_not_well_formed_is_refused() {
    let good = document(Document::Primary, &[in_primary(1)]);
    let with = |from: &str, to: &str| {
        let changed = good.replacen(from, to, 1);
        assert_ne!(changed, good, "{from}");
        problem(&changed)
    };
    assert!(matches!(with("</arch>", "</arhc>"), Problem::Form(_)));
    assert!(matches!(with("</format>", ""), Problem::Form(_)));
    assert!(matches!(with("</metadata>", "</metadata><more/>"), Problem::Form(_)));
    assert!(matches!(with("</package>\n", "</package>\ntext"), Problem::Form(_)));
    assert!(matches!(with("<arch>", "text<arch>"), Problem::Form(_)));
    assert!(matches!(with("noarch", "no<b/>arch"), Problem::Form(_)));
    assert!(matches!(with("epoch=\"1\"", "epoch=\"1\" epoch=\"1\""), Problem::Xml(_)));
    assert!(matches!(with("epoch=\"1\"", "epoch=1"), Problem::Xml(_)));
    assert!(matches!(with("ver=\"2\"", "ver=\"<\""), Problem::Form(_)));
    assert!(matches!(with("MIT", "\u{1}"), Problem::Character(1)));
    assert!(matches!(with("MIT", "\u{ffff}"), Problem::Character(0xffff)));
    assert!(matches!(with("encoding=\"UTF-8\"", "encoding=\"ISO-8859-1\""), Problem::Encoding));
    let mut bytes = good.clone().into_bytes();
    let at = good.find("MIT").unwrap();
    bytes[at] = 0xE9;
    let mut packages = Packages::new(&bytes[..], Document::Primary, "x", Limits::default());
    assert!(matches!(packages.next().unwrap_err().problem, Problem::Encoding));
}

#[test]
fn entities_and_document_types_are_refused() {
    let good = document(Document::Primary, &[in_primary(1)]);
    let bomb = "<!DOCTYPE m [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]>\n<metadata";
    assert!(matches!(problem(&good.replace("<metadata", bomb)), Problem::Doctype));
    assert!(matches!(problem(&good.replace("<format>", "<!DOCTYPE x><format>")), Problem::Doctype));
    assert!(matches!(problem(&good.replace("MIT", "&lol;")), Problem::Entity(name) if name == "lol"));
    assert!(matches!(problem(&good.replace("MIT", "a & b")), Problem::Form(_)));
    assert!(matches!(problem(&good.replace("MIT", "&#0;")), Problem::Character(0)));
    assert!(matches!(problem(&good.replace("name=\"r\"", "name=\"&xxe;\"")), Problem::Entity(_)));
    // Where a comment hides the text from the first look, the parser still looks.
    let hidden = good.replace("<name>p1", "<!-- & --><name>&lol;");
    assert!(matches!(problem(&hidden), Problem::Entity(_)));
    let hidden = good.replace("<name>p1", "<!-- & --><name>p1").replace("href=\"p1", "href=\"&#2;");
    assert!(matches!(problem(&hidden), Problem::Character(2)));
}

#[test]
fn limits_hold() {
    let text = document(Document::Primary, &[in_primary(1), in_primary(2)]);
    let exceeded = |limits: Limits, text: &str| {
        let mut packages = Packages::new(text.as_bytes(), Document::Primary, "x", limits);
        loop {
            match packages.next().and_then(|package| package.map(Quick::read).transpose()) {
                Ok(Some(_)) => {}
                Ok(None) => panic!("nothing was exceeded"),
                Err(error) => match error.problem {
                    Problem::TooLarge { what, .. } => return what,
                    other => panic!("{other}"),
                },
            }
        }
    };
    let limits = Limits::default();
    assert_eq!(exceeded(Limits { packages: 1, ..limits }, &text), "packages");
    assert_eq!(exceeded(Limits { package_bytes: 100, ..limits }, &text), "bytes of one package");
    assert_eq!(exceeded(Limits { tag_bytes: 30, ..limits }, &text), "bytes of one tag");
    assert_eq!(exceeded(Limits { depth: 3, ..limits }, &text), "elements inside each other");
    assert_eq!(exceeded(Limits { attributes: 2, ..limits }, &text), "attributes of one element");
    let huge = text.replace("href=\"p1", &format!("href=\"{}", "x".repeat(2 << 20)));
    assert_eq!(exceeded(limits, &huge), "bytes of one tag");
    let many: String = (0..100).map(|n| format!(" xmlns:a{n}=\"x\"")).collect();
    assert_eq!(exceeded(limits, &text.replace("<metadata", &format!("<metadata{many}"))), "namespaces");
}

#[test]
fn packages_without_what_names_them_are_refused_by_name() {
    let good = document(Document::Primary, &[in_primary(1)]);
    for (line, missing) in [("name>p1</name", "name"), ("arch>noarch</arch", "arch")] {
        let text = good.replace(&format!("<{line}>"), "");
        assert!(matches!(problem(&text), Problem::Missing(field) if field == missing));
    }
    assert!(matches!(problem(&good.replace("<version ", "<v ")), Problem::Missing("version")));
    assert!(matches!(problem(&good.replace("<location ", "<l ")), Problem::Missing("location")));
    assert!(matches!(problem(&good.replace("href=\"p1.rpm\"", "href=\"\"")), Problem::Missing("href of location")));
    let twice = good.replace("<arch>noarch</arch>", "<arch>a</arch><arch>b</arch>");
    assert!(matches!(problem(&twice), Problem::Repeated("arch")));
    for (from, to) in
        [("sha256", "crc"), ("0001</ch", "001</ch"), ("file=\"5\"", "file=\"x\""), ("package=\"7\"", "package=\"-7\"")]
    {
        let error = names(&good.replace(from, to)).unwrap_err();
        assert!(matches!(error.problem, Problem::Value { .. }), "{to}");
        assert_eq!(error.place.package.as_deref(), Some("p1-1:2-3.noarch"));
    }
    let error = names(&good.replace("package=\"7\"", "package=\"-7\"")).unwrap_err();
    let size = good.find("<size").unwrap();
    assert!(error.place.offset as usize >= size && error.place.offset as usize <= size + 60, "{}", error.place);
    assert!(error.to_string().starts_with("primary, package p1-1:2-3.noarch, byte "), "{error}");
}

#[test]
fn each_package_tells_where_it_is() {
    let text = document(Document::Primary, &[in_primary(1), in_primary(2)]);
    let mut packages = packages(Document::Primary, &text);
    let mut came = 0;
    while let Some(package) = packages.next().unwrap() {
        let start = package.offset as usize;
        assert_eq!(&text[start..start + package.text.len()], package.text);
        came += 1;
    }
    assert_eq!((came, packages.came(), packages.announced()), (2, 2, Some(7)));
}

#[test]
fn files_that_do_not_fit_together_are_told_apart() {
    assert_eq!(joined(&[1, 2], sides(&[1, 2], &[1, 2])).unwrap(), ["p1", "p2"]);
    let error = joined(&[1, 2], sides(&[2, 1], &[1, 2])).unwrap_err();
    assert!(matches!(error.problem, Problem::Order { expected } if expected == pkgid(1)));
    assert_eq!((error.place.file.as_str(), error.place.package), ("filelists", Some(pkgid(2))));
    let error = joined(&[1, 2], sides(&[1, 2], &[1])).unwrap_err();
    assert!(matches!(error.problem, Problem::Absent));
    assert_eq!((error.place.file.as_str(), error.place.package.as_deref()), ("other", Some("p2-1:2-3.noarch")));
    let error = joined(&[1], sides(&[1], &[1, 2])).unwrap_err();
    assert!(matches!(error.problem, Problem::Surplus));
    let other = document(Document::Other, &[in_side(1, "").replace("\"p1\"", "\"q\"")]);
    let error = joined(&[1], vec![Side::InStep(packages(Document::Other, &other))]).unwrap_err();
    assert!(matches!(error.problem, Problem::Differs { field: "name" }));
    let other = document(Document::Other, &[in_side(1, "").replace("ver=\"2\"", "ver=\"4\"")]);
    let error = joined(&[1], vec![Side::InStep(packages(Document::Other, &other))]).unwrap_err();
    assert!(matches!(error.problem, Problem::Differs { field: "version" }));
}

#[test]
fn a_file_of_another_order_is_indexed_on_request() {
    let indexed = |numbers: &[u32]| {
        let packages_of: Vec<String> = numbers.iter().map(|n| in_side(*n, &format!("<file>/f{n}</file>"))).collect();
        let found = packages(Document::Filelists, &document(Document::Filelists, &packages_of));
        Indexed::new(found, Cursor::new(Vec::new()))
    };
    assert_eq!(joined(&[1, 2], vec![Side::Indexed(indexed(&[2, 1]).unwrap())]).unwrap(), ["p1", "p2"]);
    assert_eq!(joined(&[1, 1], vec![Side::Indexed(indexed(&[1, 1]).unwrap())]).unwrap(), ["p1", "p1"]);
    let error = joined(&[1, 2], vec![Side::Indexed(indexed(&[1]).unwrap())]).unwrap_err();
    assert!(matches!(error.problem, Problem::Absent));
    let error = joined(&[1], vec![Side::Indexed(indexed(&[1, 3, 2]).unwrap())]).unwrap_err();
    assert!(matches!(error.problem, Problem::Surplus));
    assert_eq!(error.place.package, Some(pkgid(3)));
    let twice = [in_side(1, ""), in_side(1, "<file>/x</file>")];
    let found = packages(Document::Filelists, &document(Document::Filelists, &twice));
    let error = Indexed::new(found, Cursor::new(Vec::new())).err().unwrap();
    assert!(matches!(error.problem, Problem::Duplicate));
}

#[test]
fn the_shortcut_says_what_the_parser_says() {
    let good = document(Document::Primary, &[in_primary(1)]);
    let based = good.replace("<location ", "<location xml:base=\"http://h/\" ");
    for text in [&good, &based] {
        let mut packages = packages(Document::Primary, text);
        let package = packages.next().unwrap().unwrap();
        assert_eq!(shortcut::quick(package).unwrap(), Quick::parsed(package).unwrap());
    }
    for (from, to) in [
        ("<name>p1", "<name>p&amp;1"),
        ("href=\"p1.rpm\"", "href=\"p&#233;.rpm\""),
        ("ver=\"2\"", "ver='2'"),
        ("<name>p1</name>", "<name>p1</name><name>p2</name>"),
        ("epoch=\"1\"", "epoch=\"1\" epoch=\"2\""),
        ("epoch=\"1\" ver", "epoch=\"1\"ver"),
        ("<url", "<more/><url"),
        ("<arch>", "text<arch>"),
        ("<name>", "<!-- x --><name>"),
        ("<size package=\"7\"", "<size package=\"7.5\""),
        ("<location", "<gone"),
        ("<summary>a", "<summary>a<b/>"),
        ("<time ", "<time xmlns=\"x\" "),
    ] {
        let text = good.replacen("  <summary>", "  <url/>\n  <summary>", 1).replacen(from, to, 1);
        let mut packages = packages(Document::Primary, &text);
        let package = packages.next().unwrap().unwrap();
        assert!(shortcut::quick(package).is_none(), "{to}");
    }
}
