//! Secrets that a browser hands back: made at random, kept in cookies, compared in constant time.

use std::fmt::{self, Write as _};

use axum::http::HeaderMap;
use axum::http::header::COOKIE;

/// A secret. Its text is what is shown to whom it is for; it is never logged.
#[derive(Clone)]
pub(super) struct Token(String);

impl Token {
    /// 256 bits of the generator of this thread, which is seeded by the operating system.
    pub(super) fn random() -> Self {
        let bytes: [u8; 32] = rand::random();
        let mut text = String::with_capacity(64);
        for byte in bytes {
            write!(text, "{byte:02x}").expect("a string takes it");
        }
        Self(text)
    }

    /// A secret that somebody chose.
    pub(super) fn chosen(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// One that has the form of ours.
    fn parse(text: &str) -> Option<Self> {
        let is_ours = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
        is_ours.then(|| Self(text.to_owned()))
    }

    /// The one that came back in the cookie of this name.
    pub(super) fn of_cookie(headers: &HeaderMap, name: &str) -> Option<Self> {
        cookies(headers, name).find_map(Self::parse)
    }

    /// Whether this text is the secret; how long that takes tells nothing.
    pub(super) fn is(&self, text: &str) -> bool {
        constant_time_eq::constant_time_eq(self.0.as_bytes(), text.as_bytes())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// The values of all cookies of this name.
pub(super) fn cookies<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
    pairs.filter(move |(key, _)| key.trim() == name).map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_comes_back_only_as_itself() {
        let token = Token::random();
        assert!(token.is(&String::from(token.as_str())));
        assert!(!token.is("") && !token.is(Token::random().as_str()));
        assert!(!format!("{token:?}").contains(token.as_str()));
    }

    #[test]
    fn cookies_are_found_among_others_and_garbage_is_none() {
        let token = Token::random();
        let mut headers = HeaderMap::new();
        let line = format!("a=1; t={}; b", token.as_str());
        headers.append(COOKIE, line.parse().unwrap());
        assert!(Token::of_cookie(&headers, "t").is_some_and(|t| t.is(token.as_str())));
        assert!(Token::of_cookie(&headers, "a").is_none());
        assert!(Token::of_cookie(&headers, "missing").is_none());
    }
}
