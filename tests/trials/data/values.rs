//! Values that serde has, drawn with a taste for edges.

use std::collections::BTreeMap;

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde::{Deserialize, Serialize};

/// A value of any shape. Compared by how it is shown, which tells −0 from 0.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Datum {
    Unit,
    Empty {},
    Bool(bool),
    Small(i8),
    Int(i64),
    Large(u64),
    Huge(i128),
    Double(f64),
    Single(f32),
    Char(char),
    Text(String),
    Bytes(Vec<u8>),
    Maybe(Option<Box<Datum>>),
    #[expect(clippy::option_option, reason = "what JSON cannot tell from one")]
    Twice(Option<Option<u8>>),
    Pair(Box<(Datum, Datum)>),
    List(Vec<Datum>),
    Named {
        first: Box<Datum>,
        second: Option<u16>,
    },
    Map(BTreeMap<String, Datum>),
    ByNumber(BTreeMap<i64, u8>),
    ByPair(BTreeMap<(u8, u8), u8>),
    ByOption(BTreeMap<Option<u8>, u8>),
    Untyped(serde_json::Value),
}

/// Texts at the edges.
const TEXTS: [&str; 14] = [
    "",
    " ",
    "\0",
    "a\0b",
    "\\u0000",
    "\u{feff}",
    "\u{202e}abc",
    "e\u{301}",
    "🦀👩‍👩‍👧",
    "\u{10ffff}",
    "\"\\/\u{8}\u{c}\n\r\t",
    "'; DROP TABLE work; --",
    "%s {} $1 ?",
    "NaN",
];

/// Numbers at the edges.
const DOUBLES: [f64; 12] = [
    0.0,
    -0.0,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::MIN_POSITIVE,
    5e-324,
    f64::MAX,
    f64::EPSILON,
    0.1,
    9_007_199_254_740_993.0,
    1e23,
];

const INTEGERS: [i64; 8] =
    [0, -1, i64::MIN, i64::MAX, 1 << 53, (1 << 53) + 1, -(1 << 53) - 1, u32::MAX as i64];

/// Nested so deep.
fn deep(levels: usize) -> Datum {
    let mut inner = Datum::Unit;
    for _ in 0..levels {
        inner = Datum::List(vec![inner]);
    }
    inner
}

/// What everybody should try once.
pub(crate) fn edges() -> Vec<Datum> {
    let mut edges = vec![Datum::Unit, Datum::Empty {}, Datum::Twice(Some(None))];
    edges.extend(TEXTS.map(|text| Datum::Text(text.into())));
    edges.extend(DOUBLES.map(Datum::Double));
    edges.extend(INTEGERS.map(Datum::Int));
    edges.extend([u64::MAX, 1 << 63].map(Datum::Large));
    edges.extend([i128::MIN, i128::MAX, i128::from(u64::MAX) + 1].map(Datum::Huge));
    // A list of lists is two levels each, because each has a name.
    edges.extend([10, 62, 63, 64, 65, 500, 2000].map(deep));
    edges.extend(
        [1000, 1_000_000, 1_048_563, 1_048_564, 1_048_565, 2_000_000, 64 << 20]
            .map(|bytes| Datum::Text("x".repeat(bytes))),
    );
    let json = [
        r#"{"b":1,"a":2,"a":3}"#,
        "-0.0",
        "1e400",
        "12345678901234567890123",
        r#"{"$serde_json::private::RawValue":"1"}"#,
        r#"{"$serde_json::private::Number":"1"}"#,
    ];
    edges
        .extend(json.iter().filter_map(|json| serde_json::from_str(json).ok()).map(Datum::Untyped));
    edges
}

/// A text, mostly short.
pub(crate) fn text(numbers: &mut StdRng) -> String {
    if numbers.random_ratio(1, 8) {
        return (*TEXTS.choose(numbers).unwrap()).to_owned();
    }
    let longest = if numbers.random_ratio(1, 20) { 2000 } else { 20 };
    let length = numbers.random_range(0..longest);
    (0..length).map(|_| character(numbers)).collect()
}

fn character(numbers: &mut StdRng) -> char {
    match numbers.random_range(0..40) {
        0 if numbers.random_ratio(1, 20) => '\0',
        0..=3 => numbers.random_range('\u{1}'..' '),
        4..=8 => numbers.random(),
        9..=12 => *['"', '\\', '\u{7f}', '\u{2028}', '\u{ffff}'].choose(numbers).unwrap(),
        _ => numbers.random_range(' '..'\u{17f}'),
    }
}

/// A value of some shape; less and less deep.
pub(crate) fn datum(numbers: &mut StdRng, depth: u32) -> Datum {
    let shapes = if depth < 5 { 22 } else { 14 };
    match numbers.random_range(0..shapes) {
        0 => Datum::Unit,
        1 => Datum::Bool(numbers.random()),
        2 => Datum::Small(numbers.random()),
        3 => Datum::Int(integer(numbers)),
        4 => Datum::Large(numbers.random()),
        5 => Datum::Huge(numbers.random()),
        6 => Datum::Double(double(numbers)),
        7 => Datum::Single(f32::from_bits(numbers.random())),
        8 => Datum::Char(character(numbers)),
        9 | 10 => Datum::Text(text(numbers)),
        11 => Datum::Bytes((0..numbers.random_range(0..50)).map(|_| numbers.random()).collect()),
        12 => Datum::Twice([None, Some(None), Some(Some(1))][numbers.random_range(0..3)]),
        13 => Datum::ByNumber((0..3).map(|_| (integer(numbers), numbers.random())).collect()),
        14 => Datum::ByPair((0..numbers.random_range(0..2)).map(|n| ((n, n), n)).collect()),
        15 => Datum::ByOption((0..numbers.random_range(0..2)).map(|n| (Some(n), n)).collect()),
        16 => Datum::Maybe(numbers.random_bool(0.7).then(|| Box::new(datum(numbers, depth + 1)))),
        17 => Datum::Pair(Box::new((datum(numbers, depth + 1), datum(numbers, depth + 1)))),
        18 => Datum::List(
            (0..numbers.random_range(0..4)).map(|_| datum(numbers, depth + 1)).collect(),
        ),
        19 => Datum::Named {
            first: Box::new(datum(numbers, depth + 1)),
            second: numbers.random_bool(0.5).then(|| numbers.random()),
        },
        20 => Datum::Untyped(untyped(numbers)),
        _ => Datum::Map(
            (0..numbers.random_range(0..4))
                .map(|_| (text(numbers), datum(numbers, depth + 1)))
                .collect(),
        ),
    }
}

fn integer(numbers: &mut StdRng) -> i64 {
    if numbers.random_bool(0.3) { *INTEGERS.choose(numbers).unwrap() } else { numbers.random() }
}

fn double(numbers: &mut StdRng) -> f64 {
    match numbers.random_range(0..4) {
        0 => *DOUBLES.choose(numbers).unwrap(),
        1 => f64::from_bits(numbers.random()),
        2 => f64::from(numbers.random::<i32>()) / 100.0,
        _ => numbers.random::<f64>() * 1e6,
    }
}

fn untyped(numbers: &mut StdRng) -> serde_json::Value {
    let text = text(numbers);
    serde_json::json!({ "z": integer(numbers), "a": [text, null, double(numbers)], "": {} })
}
