//! What is the body of a request? A call, or several in one.

use quick_xml::escape::escape;
use serde_json::{Map, Value, json};

/// The member that makes a last struct the named arguments.
const NAMED: &str = "__starstar";

/// A call of one of the hub's methods.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    method: &'static str,
    params: Vec<Value>,
    named: Map<String, Value>,
}

impl Call {
    /// Returns a call with these arguments by place.
    pub fn new(method: &'static str, params: impl IntoIterator<Item = Value>) -> Self {
        Self { method, params: params.into_iter().collect(), named: Map::new() }
    }

    /// Adds an argument by name.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.named.insert(name.to_owned(), value.into());
        self
    }

    /// Returns the method.
    pub fn method(&self) -> &'static str {
        self.method
    }

    /// Returns the body of the request.
    pub fn body(&self) -> String {
        let mut body =
            format!("<?xml version='1.0'?>\n<methodCall>\n<methodName>{}</methodName>\n<params>\n", self.method);
        for param in self.all_params() {
            body.push_str("<param>\n");
            put(&mut body, &param);
            body.push_str("</param>\n");
        }
        body.push_str("</params>\n</methodCall>\n");
        body
    }

    fn all_params(&self) -> Vec<Value> {
        let mut params = self.params.clone();
        if !self.named.is_empty() {
            let mut named = self.named.clone();
            named.insert(NAMED.to_owned(), true.into());
            params.push(named.into());
        }
        params
    }
}

/// Returns several calls as one: each answer is an array of one value, or a struct that tells a fault. All are
/// answered in one transaction of the hub, and each by an event of its own unless they name one.
pub fn multi_call(calls: &[Call]) -> Call {
    let calls = calls.iter().map(|call| json!({ "methodName": call.method, "params": call.all_params() }));
    Call::new("multiCall", [calls.collect()])
}

fn put(body: &mut String, value: &Value) {
    body.push_str("<value>");
    match value {
        Value::Null => body.push_str("<nil/>"),
        Value::Bool(truth) => body.push_str(if *truth { "<boolean>1</boolean>" } else { "<boolean>0</boolean>" }),
        Value::Number(number) => put_number(body, number),
        Value::String(text) => element(body, "string", &escape(text.as_str())),
        Value::Array(values) => {
            body.push_str("<array><data>\n");
            values.iter().for_each(|value| put(body, value));
            body.push_str("</data></array>");
        }
        Value::Object(members) => {
            body.push_str("<struct>\n");
            for (name, value) in members {
                body.push_str("<member>\n");
                element(body, "name", &escape(name.as_str()));
                body.push('\n');
                put(body, value);
                body.push_str("</member>\n");
            }
            body.push_str("</struct>");
        }
    }
    body.push_str("</value>\n");
}

fn put_number(body: &mut String, number: &serde_json::Number) {
    match number.as_i64() {
        Some(small) if i32::try_from(small).is_ok() => element(body, "int", &small.to_string()),
        Some(large) => element(body, "i8", &large.to_string()),
        None => element(body, "double", &number.to_string()),
    }
}

fn element(body: &mut String, name: &str, text: &str) {
    body.push('<');
    body.push_str(name);
    body.push('>');
    body.push_str(text);
    body.push_str("</");
    body.push_str(name);
    body.push('>');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_written_as_koji_writes_it() {
        let call = Call::new("getRPMHeaders", []).with("rpmID", 9).with("headers", json!(["NAME", "A<&>"]));
        assert_eq!(
            call.body(),
            "<?xml version='1.0'?>\n<methodCall>\n<methodName>getRPMHeaders</methodName>\n<params>\n<param>\n\
             <value><struct>\n<member>\n<name>__starstar</name>\n<value><boolean>1</boolean></value>\n</member>\n\
             <member>\n<name>headers</name>\n<value><array><data>\n<value><string>NAME</string></value>\n\
             <value><string>A&lt;&amp;&gt;</string></value>\n</data></array></value>\n</member>\n<member>\n\
             <name>rpmID</name>\n<value><int>9</int></value>\n</member>\n</struct></value>\n</param>\n</params>\n\
             </methodCall>\n"
        );
    }

    #[test]
    fn numbers_beyond_32_bits_are_i8() {
        let body = Call::new("x", [json!(5_000_000_000_u64), json!(-1), json!(1.5), Value::Null, json!(true)]).body();
        for part in ["<i8>5000000000</i8>", "<int>-1</int>", "<double>1.5</double>", "<nil/>", "<boolean>1</boolean>"] {
            assert!(body.contains(&format!("<value>{part}</value>")), "{part}");
        }
    }

    #[test]
    fn several_calls_are_one_call_with_their_named_arguments_inside() {
        let one = Call::new("getTag", [json!("f43")]).with("strict", true);
        let all = multi_call(&[one, Call::new("getLastEvent", [])]);
        let params = json!([{ "methodName": "getTag", "params": ["f43", { "strict": true, "__starstar": true }] },
            { "methodName": "getLastEvent", "params": [] }]);
        assert_eq!((all.method(), all.all_params()), ("multiCall", vec![params]));
    }
}
