//! Is every value read, and is nothing taken for an answer that is none?

use serde_json::json;

use super::*;

fn whole(answer: &str) -> Result<Value, Error> {
    let mut found = Value::Null;
    read(answer.as_bytes(), 0, Limits::default(), |_, value| {
        found = value;
        Ok::<_, Error>(())
    })?;
    Ok(found)
}

fn answer(value: &str) -> String {
    format!(
        "<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n{value}\n</param>\n</params>\n</methodResponse>\n"
    )
}

#[test]
fn every_kind_of_value_is_read() {
    for (xml, value) in [
        ("<nil/>", Value::Null),
        ("<nil></nil>", Value::Null),
        ("<int>-7</int>", json!(-7)),
        ("<i8>5000000000</i8>", json!(5_000_000_000_u64)),
        ("<double>1795226436.523096</double>", json!(1795226436.523096)),
        ("<boolean>1</boolean>", json!(true)),
        ("<string></string>", json!("")),
        ("<string/>", json!("")),
        ("<string> a &lt;&#65;&amp;&#x42;\n </string>", json!(" a <A&B\n ")),
        ("plain &quot;text&quot;", json!("plain \"text\"")),
        ("", json!("")),
        ("<base64>\np4lk\nLKW0\n</base64>", json!("p4lkLKW0")),
        ("<array><data>\n</data></array>", json!([])),
        ("<struct>\n</struct>", json!({})),
        (
            "<struct><member>\n<name></name>\n<value><array><data>\n<value><int>1</int></value>\n\
             <value><nil/></value></data></array></value>\n</member></struct>",
            json!({ "": [1, null] }),
        ),
    ] {
        assert_eq!(whole(&answer(&format!("<value>{xml}</value>"))).unwrap(), value, "{xml}");
    }
}

#[test]
fn elements_of_arrays_are_given_one_by_one_with_their_places() {
    let array = |values: &[&str]| format!("<value><array><data>{}</data></array></value>", values.concat());
    let (one, two) = ("<value><int>1</int></value>", "<value><int>2</int></value>");
    let text = answer(&array(&[&array(&[one, two]), &array(&[]), &array(&[two])]));
    let mut found = Vec::new();
    let length = read(text.as_bytes(), 2, Limits::default(), |places, value| {
        found.push((places.to_vec(), value));
        Ok::<_, Error>(())
    });
    assert_eq!(length.unwrap(), 3);
    assert_eq!(found, [(vec![0, 0], json!(1)), (vec![0, 1], json!(2)), (vec![2, 0], json!(2))]);
}

#[test]
fn arrays_in_a_struct_are_given_by_its_names() {
    let text = answer(
        "<value><struct><member><name>a</name><value><array><data><value><int>1</int></value></data></array>\
         </value></member><member><name>b</name><value><array><data/></array></value></member></struct></value>",
    );
    let mut found = Vec::new();
    let each = |name: &str, value| {
        found.push((name.to_owned(), value));
        Ok::<_, Error>(())
    };
    assert_eq!(read_members(text.as_bytes(), Limits::default(), each).unwrap(), ["a", "b"]);
    assert_eq!(found, [("a".to_owned(), json!(1))]);
    let wrong = answer("<value><struct><member><name>a</name><value><int>1</int></value></member></struct></value>");
    assert!(read_members(wrong.as_bytes(), Limits::default(), |_, _| Ok::<_, Error>(())).is_err());
}

#[test]
fn a_fault_tells_its_number_and_text() {
    let text = "<?xml version='1.0'?>\n<methodResponse>\n<fault>\n<value><struct>\n<member>\n<name>faultCode</name>\n\
                <value><int>1004</int></value>\n</member>\n<member>\n<name>faultString</name>\n\
                <value><string>not you</string></value>\n</member>\n</struct></value>\n</fault>\n</methodResponse>\n";
    assert_eq!(whole(text).unwrap_err().to_string(), "the hub says: not you (fault 1004)");
}

/// Calls and answers recorded from a real hub; two requests were made to be refused.
#[test]
fn what_a_hub_answered_is_read() {
    let samples = include_str!("../../../../../tests/data/koji/xmlrpc.jsonl");
    let (mut answered, mut faults, mut refused) = (0, 0, 0);
    for sample in samples.lines() {
        let sample: Value = serde_json::from_str(sample).unwrap();
        match whole(sample["reply"].as_str().unwrap()) {
            Ok(value) => {
                answered += 1;
                if sample["method"] == "multiCall" {
                    assert_eq!((&value[0][0]["name"], &value[1]["faultCode"]), (&json!("f43"), &json!(1000)));
                }
            }
            Err(Error::Fault { code, .. }) => {
                faults += 1;
                assert!([1000, 1004, 1019].contains(&code), "{sample}");
            }
            Err(_) => {
                refused += 1;
                assert_eq!(sample["status"], 400);
            }
        }
    }
    assert_eq!((answered, faults, refused), (27, 4, 2));
}

#[test]
fn what_is_no_answer_is_refused() {
    let good = answer("<value><array><data><value><int>1</int></value></data></array></value>");
    for end in 0..good.trim_end().len() {
        assert!(whole(&good[..end]).is_err(), "{end}");
    }
    for (bad, wrong) in [
        ("<html><body>Proxy Error</body></html>".to_owned(), "<methodResponse> was to come"),
        (answer("<value><int>1e3</int></value>"), "1e3 is no int"),
        (answer("<value><boolean>2</boolean></value>"), "2 is no boolean"),
        (answer("<value><money>2</money></value>"), "the type money"),
        (answer("<value><int>1</int>x</value>"), "</value> was to come"),
        (answer("<value>&bomb;</value>"), "an entity"),
        (format!("<!DOCTYPE x [<!ENTITY bomb \"x\">]>{good}"), "a document type"),
        (format!("{good}<x/>"), "the end was to come"),
    ] {
        let error = whole(&bad).unwrap_err().to_string();
        assert!(error.contains(wrong), "{error}");
    }
}

#[test]
fn an_answer_beyond_a_limit_is_refused() {
    let limits = Limits { bytes: 10_000, value: 1_000, depth: 8 };
    let refused = |text: &str| read(text.as_bytes(), 0, limits, |_, _| Ok::<_, Error>(())).unwrap_err().to_string();
    let text = |length: usize| answer(&format!("<value><string>{}</string></value>", "x".repeat(length)));
    assert_eq!(refused(&text(2_000)), "the answer has more than 1000 bytes in one value");
    let values = |count: usize| "<value><int>1</int></value>".repeat(count);
    let many = answer(&format!("<value><array><data>{}</data></array></value>", values(400)));
    assert_eq!(refused(&many), "the answer has more than 1000 bytes in one value");
    let error = read(many.as_bytes(), 1, limits, |_, _| Ok::<_, Error>(())).unwrap_err();
    assert_eq!(error.to_string(), "the answer has more than 10000 bytes");
    let deep = answer(&format!("{}<value/>{}", "<value><array><data>".repeat(9), "</data></array></value>".repeat(9)));
    assert_eq!(refused(&deep), "the answer has more than 8 values in each other");
}
