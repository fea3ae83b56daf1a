//! What do names, texts and people look like? Words of a made-up language, some far more frequent than others.

use super::chance::Chance;

const STARTS: [&str; 40] = [
    "a", "ba", "be", "bo", "ca", "ce", "co", "cra", "da", "de", "di", "e", "fa", "fi", "flo", "ga", "gra", "ha", "i",
    "in", "ka", "ko", "la", "le", "li", "ma", "me", "mi", "na", "o", "pa", "pe", "pro", "qua", "re", "sa", "se", "ta",
    "tri", "xe",
];
const MIDDLES: [&str; 24] = [
    "ba", "ci", "de", "do", "ga", "go", "la", "li", "lo", "ma", "mi", "na", "ne", "no", "ra", "ri", "ro", "sa", "si",
    "ta", "te", "ti", "va", "vi",
];
const ENDS: [&str; 32] = [
    "b", "bel", "c", "ck", "d", "dor", "form", "g", "gen", "kit", "l", "let", "ll", "m", "mark", "n", "net", "ng", "p",
    "r", "rd", "ry", "s", "sh", "sk", "t", "tion", "tor", "v", "x", "y", "z",
];
const FREQUENT: [&str; 48] = [
    "the",
    "a",
    "of",
    "and",
    "to",
    "for",
    "is",
    "in",
    "with",
    "library",
    "package",
    "that",
    "this",
    "provides",
    "it",
    "files",
    "module",
    "support",
    "be",
    "can",
    "from",
    "by",
    "as",
    "an",
    "interface",
    "contains",
    "on",
    "or",
    "data",
    "which",
    "development",
    "are",
    "use",
    "using",
    "simple",
    "other",
    "system",
    "programs",
    "Python",
    "Perl",
    "based",
    "required",
    "headers",
    "tools",
    "language",
    "documentation",
    "command",
    "fast",
];
const WORDS: usize = 6000;

/// Returns the word with this number; the first ones are English, as in all descriptions.
pub fn word(number: usize) -> String {
    if let Some(frequent) = FREQUENT.get(number) {
        return (*frequent).to_owned();
    }
    stem(&mut Chance::new(&[1, number as u64]))
}

/// Returns a word that never was.
pub fn stem(chance: &mut Chance) -> String {
    let mut stem = chance.pick(&STARTS).to_owned();
    for _ in 0..chance.skewed(4) {
        stem += chance.pick(&MIDDLES);
    }
    stem += chance.pick(&MIDDLES);
    stem + chance.pick(&ENDS)
}

/// Returns so many words of running text, with capitals, full stops and line ends.
pub fn text(chance: &mut Chance, words: usize) -> String {
    let (mut text, mut column, mut start) = (String::new(), 0, true);
    for number in 0..words {
        let rank = chance.skewed(WORDS) + 1;
        let mut next = word(chance.skewed(rank));
        if start {
            next[..1].make_ascii_uppercase();
        }
        start = number + 1 < words && chance.percent(8);
        if start {
            next.push('.');
        }
        if column + next.len() > 75 {
            text.push('\n');
            column = 0;
        } else if number > 0 {
            text.push(' ');
        }
        column += next.len() + 1;
        text += &next;
    }
    text
}

/// Returns a word with a capital, as in names of modules and people.
pub fn capital(chance: &mut Chance) -> String {
    let mut name = stem(chance);
    name[..1].make_ascii_uppercase();
    name
}

/// Returns one of about 500 packagers: name and address.
pub fn packager(chance: &mut Chance) -> String {
    let mut person = Chance::new(&[2, chance.skewed(500) as u64]);
    let (mut first, last) = (capital(&mut person), capital(&mut person));
    if person.percent(4) {
        first += "é";
    }
    format!("{first} {last} <{}@example.org>", last.to_lowercase())
}
