//! What is left of a package's element without indents? All elements on one line: `--no-pretty`.

/// Returns an element of ours without the line feeds and blanks between its elements. What stands inside an
/// element that has text only is left as it is, blanks too.
pub(super) fn compact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    // Whether the last tag opened an element.
    let mut opened = false;
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        let closes = tag.starts_with("</");
        let is_blank = before.bytes().all(|byte| byte.is_ascii_whitespace());
        if !is_blank || (opened && closes) {
            out.push_str(before);
        }
        let end = tag.find('>').map_or(tag.len(), |end| end + 1);
        out.push_str(&tag[..end]);
        opened = !closes && !tag[..end].ends_with("/>");
        rest = &tag[end..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indents_go_and_text_stays() {
        let pretty = "<package type=\"rpm\">\n  <name>a</name>\n  <summary> s\n</summary>\n  <description>\n  </description>\n  \
                      <url></url>\n  <format>\n    <rpm:entry name=\"x>\"/>\n  </format>\n</package>\n";
        let pretty = pretty.replace("x>", "x&gt;");
        assert_eq!(
            compact(&pretty),
            "<package type=\"rpm\"><name>a</name><summary> s\n</summary><description>\n  </description><url></url>\
             <format><rpm:entry name=\"x&gt;\"/></format></package>\n"
        );
        assert_eq!(compact(&compact(&pretty)), compact(&pretty));
    }
}
