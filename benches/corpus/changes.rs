//! What was changed in a package? The changelog of a source package, which all its packages share.

use super::chance::Chance;
use super::plan::Source;
use super::words;

const DAY: u64 = 86_400;

/// One entry: the second, who and which version, what.
pub struct Change {
    pub time: u64,
    pub author: String,
    pub text: String,
}

/// Returns the changelog, newest first; each round of replacements adds an entry of its own.
pub fn changes(source: &Source, round: u32) -> Vec<Change> {
    let mut chance = Chance::new(&[5, source.seed]);
    let mut list = Vec::new();
    let noon = |time: u64| time / DAY * DAY + DAY / 2;
    for round in (1..=round).rev() {
        list.push(Change {
            time: noon(source.built) + u64::from(round) * DAY,
            author: format!("Robot <robot@example.org> - {}-{}", source.version, source.release(round)),
            text: format!("- Rebuilt, round {round}"),
        });
    }
    let mut time = noon(source.built);
    let mut maintainer = words::packager(&mut chance);
    let mut version = source.version.clone();
    for number in 0..chance.tailed(13, 3).clamp(1, 120) {
        let update = chance.percent(40);
        if chance.percent(20) {
            maintainer = words::packager(&mut chance);
        }
        let author = format!("{maintainer} - {version}-{}", if update { 1 } else { 1 + number % 9 });
        let text = text(&mut chance, update, &version);
        list.push(Change { time, author, text });
        time -= DAY * (2 + chance.tailed(50, 4).min(900) as u64).min(time / DAY / 40);
        if update {
            version = format!("{}.{}.{}", chance.skewed(12), chance.skewed(30), chance.skewed(20));
        }
    }
    list
}

fn text(chance: &mut Chance, update: bool, version: &str) -> String {
    if update {
        return format!("- Update to {version} (rhbz#{})", 1_000_000 + chance.below(1_400_000));
    }
    if chance.percent(30) {
        let release = 20 + chance.below(24);
        return format!("- Rebuilt for https://fedoraproject.org/wiki/Fedora_{release}_Mass_Rebuild");
    }
    let mut text = String::new();
    for line in 0..1 + chance.skewed(4) {
        if line > 0 {
            text.push('\n');
        }
        let words = 3 + chance.skewed(14);
        text = text + "- " + &words::text(chance, words);
    }
    text
}
