//! Does the filter pass what is sound byte for byte, and mend what is not?

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldArray, FieldTable};
use proptest::prelude::*;

use super::*;

fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![kind, 0, 1];
    frame.extend((payload.len() as u32).to_be_bytes());
    frame.extend(payload);
    frame.push(0xce);
    frame
}

/// Class basic, weight, a body of 5 bytes, then flags and properties.
fn properties(flags: u16, properties: &[u8]) -> Vec<u8> {
    let mut payload = vec![0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5];
    payload.extend(flags.to_be_bytes());
    payload.extend(properties);
    frame(PROPERTIES, &payload)
}

fn headers(table: &[u8]) -> Vec<u8> {
    let mut bytes = (table.len() as u32).to_be_bytes().to_vec();
    bytes.extend(table);
    properties(0x2000, &bytes)
}

fn filtered(bytes: &[u8], step: usize) -> Vec<u8> {
    let (mut filter, mut all, mut out) = (Filter::default(), Vec::new(), [0; 13]);
    for chunk in bytes.chunks(step) {
        filter.push(chunk).unwrap();
        loop {
            let count = filter.take(&mut out);
            if count == 0 {
                break;
            }
            all.extend(&out[..count]);
        }
    }
    all
}

fn nested(levels: usize) -> Vec<u8> {
    let mut table = Vec::new();
    for _ in 0..levels {
        let mut outer = b"\x01aF".to_vec();
        outer.extend((table.len() as u32).to_be_bytes());
        outer.append(&mut table);
        table = outer;
    }
    table
}

/// What lapin's own writer makes of every kind of value.
fn every_kind() -> Vec<u8> {
    let mut inner = FieldTable::default();
    inner.insert("deep".into(), AMQPValue::FieldArray(FieldArray::from(vec![AMQPValue::Void, AMQPValue::Float(0.5)])));
    let mut table = FieldTable::default();
    let values = [
        AMQPValue::Boolean(true),
        AMQPValue::ShortShortInt(1),
        AMQPValue::ShortShortUInt(1),
        AMQPValue::ShortInt(1),
        AMQPValue::ShortUInt(1),
        AMQPValue::LongInt(1),
        AMQPValue::LongUInt(1),
        AMQPValue::LongLongInt(1),
        AMQPValue::Double(0.5),
        AMQPValue::DecimalValue(lapin::types::DecimalValue { scale: 1, value: 5 }),
        AMQPValue::LongString("ä".into()),
        AMQPValue::Timestamp(1),
        AMQPValue::FieldTable(inner),
        AMQPValue::ByteArray(vec![0xff].into()),
    ];
    for (index, value) in values.into_iter().enumerate() {
        table.insert(format!("h{index}").as_str().into(), value);
    }
    let all = BasicProperties::default()
        .with_content_type("a".into())
        .with_content_encoding("b".into())
        .with_headers(table)
        .with_delivery_mode(2)
        .with_priority(1)
        .with_correlation_id("c".into())
        .with_reply_to("d".into())
        .with_expiration("9".into())
        .with_message_id("e".into())
        .with_timestamp(1)
        .with_type("f".into())
        .with_user_id("g".into())
        .with_app_id("h".into())
        .with_cluster_id("i".into());
    let context = lapin::protocol::basic::gen_properties(&all)(Vec::new().into()).unwrap();
    let (written, _) = context.into_inner();
    properties(u16::from_be_bytes([written[0], written[1]]), &written[2..])
}

#[test]
fn what_is_sound_passes_byte_for_byte_however_it_is_cut() {
    let mut stream = frame(METHOD, &[0, 10, 0, 30, 1, 2, 3]);
    stream.extend(every_kind());
    stream.extend(frame(BODY, b"hello"));
    stream.extend(headers(&nested(DEEPEST)));
    stream.extend(frame(BODY, &[0xce; 1000]));
    stream.extend(frame(HEARTBEAT, b""));
    stream.extend(properties(0, b""));
    for step in [1, 2, 7, 8, 100, 10_000] {
        assert_eq!(filtered(&stream, step), stream, "in steps of {step}");
    }
}

#[test]
fn unsound_properties_are_taken_off_and_the_message_stays() {
    let bare = properties(0, b"");
    let cases = [
        headers(&nested(DEEPEST + 1)),
        headers(&nested(18_000)),
        headers(b"\x01aZ"),
        headers(b"\x02\xff\xfet\x01"),
        headers(b"\x01aS\x00\x00\xff\xffx"),
        headers(b"\x01aF\xff\xff\xff\xff"),
        headers(b"\x01aF\x00\x00\x00\x05\x01bt"),
        properties(0x2000, b"\x00\x00"),
        properties(0x8000, b"\x03ab"),
        properties(0x0080, b"\x02\xc3\x28"),
        properties(0x8000, b"\x01a trailing"),
        properties(0x0001, b"\x00\x00"),
        properties(0x0040, b"\x00\x00"),
    ];
    for case in cases {
        let mut stream = case.clone();
        stream.extend(frame(BODY, b"hello"));
        let mut expected = bare.clone();
        expected.extend(frame(BODY, b"hello"));
        assert_eq!(filtered(&stream, 50), expected, "{:?}", &case[..case.len().min(40)]);
    }
}

#[test]
fn a_routing_key_that_is_not_utf8_is_mended_and_others_are_not_touched() {
    let deliver = |key: &[u8]| {
        let mut payload = DELIVER.to_vec();
        payload.extend(b"\x03tag\x00\x00\x00\x00\x00\x00\x00\x01\x00\x02ex");
        payload.push(key.len() as u8);
        payload.extend(key);
        frame(METHOD, &payload)
    };
    assert_eq!(filtered(&deliver(b"a.\xff.b"), 9), deliver(b"a.?.b"));
    assert_eq!(filtered(&deliver("a.ä".as_bytes()), 9), deliver("a.ä".as_bytes()));
}

#[test]
fn another_protocol_passes_and_a_frame_beyond_reason_is_an_error() {
    assert_eq!(filtered(b"AMQP\x00\x00\x09\x01", 3), b"AMQP\x00\x00\x09\x01");
    assert!(Filter::default().push(&[METHOD, 0, 0, 0xff, 0xff, 0xff, 0xff]).is_err());
}

proptest! {
    /// lapin's own parser takes whatever the filter lets pass as properties.
    #[test]
    fn what_passes_is_read_by_lapin(changes in proptest::collection::vec((0..200_usize, any::<u8>()), 0..4)) {
        let mut stream = every_kind();
        let length = stream.len();
        for (at, byte) in changes {
            // Neither the frame's own head nor its last byte.
            stream[HEAD + 12 + at % (length - HEAD - 13)] = byte;
        }
        let passed = filtered(&stream, 64);
        let parsed = lapin::protocol::basic::parse_properties(&passed[HEAD + 12..passed.len() - 1]);
        let (rest, _) = parsed.map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert!(rest.is_empty());
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), kind in 1..4_u8) {
        let mut filter = Filter::default();
        let _ = filter.push(&bytes);
        let _ = filter.push(&frame(kind, &bytes));
    }
}
