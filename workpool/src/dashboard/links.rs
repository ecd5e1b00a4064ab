//! Addresses inside the dashboard, wherever it is mounted. Names of pools and functions are data and
//! may be anything (`..`, `/`), so they go into queries, never into paths.

use axum::http::Uri;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// Where the dashboard is mounted: empty, or a path that begins with `/` and does not end with one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Links {
    base: String,
}

impl Links {
    /// Under a path that somebody configured.
    pub(super) fn under(base: &str) -> Self {
        let base = base.trim_matches('/');
        Self { base: if base.is_empty() { String::new() } else { format!("/{base}") } }
    }

    /// What the router that nests this one has cut off the address of a request.
    pub(super) fn of_request(original: &Uri, inner: &Uri) -> Self {
        let base = original.path().strip_suffix(inner.path());
        Self::under(base.unwrap_or_else(|| original.path()))
    }

    /// The address of a path of ours.
    pub(super) fn to(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// The address of a path of ours with a query; empty values are left out.
    pub(super) fn with(&self, path: &str, query: &[(&str, &str)]) -> String {
        let mut address = self.to(path);
        let mut mark = '?';
        for (key, value) in query.iter().filter(|(_, value)| !value.is_empty()) {
            address.push(mark);
            address.push_str(key);
            address.push('=');
            address.extend(utf8_percent_encode(value, NON_ALPHANUMERIC));
            mark = '&';
        }
        address
    }

    /// The page of a pool.
    pub(super) fn pool(&self, name: &str) -> String {
        self.with("/pool", &[("name", name)])
    }

    /// The page of a work item.
    pub(super) fn item(&self, id: uuid::Uuid) -> String {
        self.to(&format!("/work/{id}"))
    }

    /// The path that cookies of ours are for.
    pub(super) fn cookie_path(&self) -> &str {
        if self.base.is_empty() { "/" } else { &self.base }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(original: &'static str, inner: &'static str) -> String {
        Links::of_request(&Uri::from_static(original), &Uri::from_static(inner)).to("")
    }

    #[test]
    fn what_was_cut_off_is_the_base() {
        assert_eq!(base("/pool?name=a", "/pool?name=a"), "");
        assert_eq!(base("/", "/"), "");
        assert_eq!(base("/jobs/pool", "/pool"), "/jobs");
        assert_eq!(base("/jobs", "/"), "/jobs");
        assert_eq!(base("/jobs/", "/"), "/jobs");
        assert_eq!(base("/a/b/work/1", "/work/1"), "/a/b");
        assert_eq!(Links::under("/jobs/").to("/work"), "/jobs/work");
        assert_eq!(Links::under("/").to("/work"), "/work");
    }

    #[test]
    fn names_of_any_kind_stay_within_the_query() {
        let links = Links::under("jobs");
        assert_eq!(links.pool("../a&b=\"c\""), "/jobs/pool?name=%2E%2E%2Fa%26b%3D%22c%22");
        assert_eq!(links.with("/work", &[("pool", ""), ("state", "due")]), "/jobs/work?state=due");
    }
}
