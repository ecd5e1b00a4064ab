//! Arguments, contexts and results as stored JSON: what may be stored, and reading it back.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::failure::{Failure, FailureKind};
use crate::finite::{self, NotFinite};

/// What can be an argument, a context or a result: any type of serde that owns its data.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored: it must implement `Serialize` and `Deserialize`, own its \
               data and be `Send`",
    label = "cannot be stored",
    note = "write `#[derive(serde::Serialize, serde::Deserialize)]` on it"
)]
pub trait Storable: Send + Sized + 'static {
    #[doc(hidden)]
    fn check(value: &Self) -> Result<(), NotFinite>;

    #[doc(hidden)]
    fn to_json(value: &Self) -> serde_json::Result<String>;

    #[doc(hidden)]
    fn from_json(json: &str) -> serde_json::Result<Self>;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + Send + 'static> Storable for T {
    fn check(value: &Self) -> Result<(), NotFinite> {
        finite::check(value)
    }

    fn to_json(value: &Self) -> serde_json::Result<String> {
        serde_json::to_string(value)
    }

    fn from_json(json: &str) -> serde_json::Result<Self> {
        serde_json::from_str(json)
    }
}

/// Decodes what is stored for a function; what does not fit cannot be mended by trying again.
pub(crate) fn decode<T: Storable>(json: &str, what: &'static str) -> Result<T, Failure> {
    T::from_json(json).map_err(|error| {
        let expected = std::any::type_name::<T>();
        let text = format!("stored {what} does not fit `{expected}`: {error}");
        Failure::new(FailureKind::Undecodable, text)
    })
}

/// Encodes a value for storage, or says why it cannot be stored. Bounded: `MAX_BYTES`, 127 levels,
/// no NUL, no NaN; and it must read back.
pub(crate) fn encode<T: Storable>(value: &T) -> Result<String, String> {
    T::check(value).map_err(|error| error.to_string())?;
    let json = T::to_json(value).map_err(|error| error.to_string())?;
    check(&json)?;
    // Not every type reads what it writes.
    if let Err(error) = T::from_json(&json) {
        return Err(format!("it does not survive a round trip through JSON: {error}"));
    }
    Ok(json)
}

/// The most bytes of arguments and context together, and of a result.
pub(crate) const MAX_BYTES: usize = 1024 * 1024;
const MAX_DEPTH: usize = 127;

/// The bounds that hold for all stored JSON. The text is valid JSON already.
pub(crate) fn check(json: &str) -> Result<(), String> {
    if json.len() > MAX_BYTES {
        return Err(format!("it has {} bytes as JSON, at most {MAX_BYTES} are stored", json.len()));
    }
    let (mut depth, mut in_string, mut bytes) = (0_usize, false, json.bytes());
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' if bytes.next() == Some(b'u') && bytes.clone().take(4).eq(*b"0000") => {
                return Err("it contains the character NUL".into());
            }
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(format!("it is nested more than {MAX_DEPTH} levels deep"));
                }
            }
            b']' | b'}' if !in_string => depth -= 1,
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_stored_is_refused_with_a_reason() {
        assert!(encode(&"a\0b".to_owned()).unwrap_err().contains("NUL"));
        assert!(encode(&Some(f64::NAN)).unwrap_err().contains("NaN"));
        assert!(encode(&"x".repeat(MAX_BYTES)).unwrap_err().contains("bytes"));
        assert!(check(&("[".repeat(128) + &"]".repeat(128))).unwrap_err().contains("levels"));
    }

    #[test]
    fn what_only_looks_bad_is_stored() {
        assert_eq!(encode(&r"\u0000 [[[ {".to_owned()).unwrap(), r#""\\u0000 [[[ {""#);
        assert!(check(&("[".repeat(127) + &"]".repeat(127))).is_ok());
        assert!(encode(&u64::MAX).is_ok());
        assert!(encode(&Some(1.5)).is_ok());
    }
}
