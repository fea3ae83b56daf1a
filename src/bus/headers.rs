//! How do AMQP's typed tables and JSON become each other? As pika, the client of fedora-messaging,
//! does it: integers by size, text as long strings.

use lapin::types::{AMQPValue, DecimalValue, FieldArray, FieldTable, LongString, ShortString};
use serde_json::{Map, Number, Value};

/// Returns a table as JSON. The filter in front of lapin lets no deep nesting through.
pub(super) fn to_json(table: &FieldTable) -> Map<String, Value> {
    table.inner().iter().map(|(name, value)| (name.to_string(), value_to_json(value))).collect()
}

fn value_to_json(value: &AMQPValue) -> Value {
    match value {
        AMQPValue::Boolean(v) => Value::Bool(*v),
        AMQPValue::ShortShortInt(v) => Value::from(*v),
        AMQPValue::ShortShortUInt(v) => Value::from(*v),
        AMQPValue::ShortInt(v) => Value::from(*v),
        AMQPValue::ShortUInt(v) => Value::from(*v),
        AMQPValue::LongInt(v) => Value::from(*v),
        AMQPValue::LongUInt(v) => Value::from(*v),
        AMQPValue::LongLongInt(v) => Value::from(*v),
        AMQPValue::Timestamp(v) => Value::from(*v),
        AMQPValue::Float(v) => float(f64::from(*v)),
        AMQPValue::Double(v) => float(*v),
        AMQPValue::DecimalValue(v) => Value::String(decimal(*v)),
        AMQPValue::ShortString(v) => Value::String(v.to_string()),
        AMQPValue::LongString(v) => Value::String(v.to_string()),
        AMQPValue::ByteArray(v) => Value::String(String::from_utf8_lossy(v.as_slice()).into_owned()),
        AMQPValue::FieldArray(v) => v.as_slice().iter().map(value_to_json).collect(),
        AMQPValue::FieldTable(v) => Value::Object(to_json(v)),
        AMQPValue::Void => Value::Null,
    }
}

fn float(value: f64) -> Value {
    Number::from_f64(value).map_or_else(|| Value::String(value.to_string()), Value::Number)
}

fn decimal(value: DecimalValue) -> String {
    let digits = format!("{:0>width$}", value.value, width = usize::from(value.scale) + 1);
    match value.scale {
        0 => digits,
        scale => {
            let (whole, part) = digits.split_at(digits.len() - usize::from(scale));
            format!("{whole}.{part}")
        }
    }
}

/// Returns JSON as a table, or the name that is longer than AMQP allows.
pub(super) fn from_json(map: &Map<String, Value>) -> Result<FieldTable, String> {
    let mut table = FieldTable::default();
    for (name, value) in map {
        let short = ShortString::try_new(name.as_str()).map_err(|_| name.clone())?;
        table.insert(short, value_from_json(value)?);
    }
    Ok(table)
}

fn value_from_json(value: &Value) -> Result<AMQPValue, String> {
    Ok(match value {
        Value::Null => AMQPValue::Void,
        Value::Bool(v) => AMQPValue::Boolean(*v),
        Value::Number(number) => number_from_json(number),
        Value::String(text) => AMQPValue::LongString(LongString::from(text.as_str())),
        Value::Array(items) => {
            let items: Result<Vec<_>, _> = items.iter().map(value_from_json).collect();
            AMQPValue::FieldArray(FieldArray::from(items?))
        }
        Value::Object(map) => AMQPValue::FieldTable(from_json(map)?),
    })
}

fn number_from_json(number: &Number) -> AMQPValue {
    match number.as_i64() {
        Some(whole) => i32::try_from(whole).map_or(AMQPValue::LongLongInt(whole), AMQPValue::LongInt),
        None => AMQPValue::Double(number.as_f64().unwrap_or(f64::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_survives_the_way_there_and_back() {
        let value = json!({"severity": 10, "big": 5_000_000_000_i64, "yes": true, "text": "ä", "none": null,
            "part": 0.5, "list": [1, "x", {"deep": false}]});
        let map = value.as_object().unwrap();
        let table = from_json(map).unwrap();
        assert_eq!(table.inner().get("severity"), Some(&AMQPValue::LongInt(10)), "as pika writes integers");
        assert_eq!(&to_json(&table), map);
    }

    #[test]
    fn what_json_has_no_word_for_becomes_text() {
        let mut table = FieldTable::default();
        table.insert("nan".into(), AMQPValue::Double(f64::NAN));
        table.insert("bytes".into(), AMQPValue::LongString(LongString::from(vec![b'a', 0xff])));
        table.insert("price".into(), AMQPValue::DecimalValue(DecimalValue { scale: 2, value: 5 }));
        let shown = Value::Object(to_json(&table));
        assert_eq!(shown, json!({"nan": "NaN", "bytes": "a\u{fffd}", "price": "0.05"}));
    }

    #[test]
    fn a_name_beyond_255_bytes_is_named_not_a_panic() {
        let map = json!({"x".repeat(300): 1});
        assert_eq!(from_json(map.as_object().unwrap()), Err("x".repeat(300)));
    }
}
