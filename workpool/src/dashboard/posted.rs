//! The only way to what a form has posted, and so to any action: a form of ours, from our own
//! pages, by somebody who may act.

use std::sync::Arc;

use axum::Form;
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};

use super::guard::Caller;
use super::refusal::{Answer, Refusal};
use super::site::Site;

/// The field that carries the token.
pub(super) const TOKEN: &str = "token";

/// Fields of a form that was posted from a page of ours.
#[derive(Debug)]
pub(super) struct Posted {
    pub(super) caller: Caller,
    pub(super) fields: Vec<(String, String)>,
}

impl FromRequest<Arc<Site>> for Posted {
    type Rejection = Refusal;

    async fn from_request(request: Request, site: &Arc<Site>) -> Answer<Self> {
        if site.read_only {
            return Err(Refusal::forbidden("This dashboard only shows; it changes nothing."));
        }
        check_origin(request.headers())?;
        let caller = request.extensions().get::<Caller>().cloned();
        let caller = caller.ok_or_else(|| Refusal::forbidden("The guard was passed by."))?;
        let form = Form::<Vec<(String, String)>>::from_request(request, site).await;
        let Form(fields) = form.map_err(|why| Refusal::new(why.status(), why.body_text()))?;
        let given = fields.iter().find(|(key, _)| key == TOKEN).map(|(_, value)| value.as_str());
        if !given.is_some_and(|given| caller.token.is(given)) {
            let what =
                "The page that this came from is out of date. Go back, reload and try again.";
            return Err(Refusal::forbidden(what));
        }
        Ok(Self { caller, fields })
    }
}

/// Browsers say where a post comes from. What says nothing is no browser, and still needs the token.
fn check_origin(headers: &HeaderMap) -> Answer<()> {
    let elsewhere = || Refusal::forbidden("This did not come from a page of the dashboard.");
    if let Some(site) = headers.get("sec-fetch-site") {
        return if site == "same-origin" { Ok(()) } else { Err(elsewhere()) };
    }
    let Some(origin) = headers.get(ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    match (origin, host) {
        (Some((_, origin)), Some(host)) if origin.eq_ignore_ascii_case(host) => Ok(()),
        _ => Err(elsewhere()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comes_from_us(lines: &[(&'static str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.insert(*name, value.parse().unwrap());
        }
        check_origin(&headers).is_ok()
    }

    #[test]
    fn posts_from_elsewhere_are_told_apart() {
        let host = ("host", "jobs.example:8080");
        assert!(comes_from_us(&[host, ("sec-fetch-site", "same-origin")]));
        for site in ["cross-site", "same-site", "none"] {
            let ours = ("origin", "http://jobs.example:8080");
            assert!(!comes_from_us(&[host, ours, ("sec-fetch-site", site)]), "{site}");
        }
        assert!(comes_from_us(&[host, ("origin", "http://jobs.example:8080")]));
        assert!(comes_from_us(&[host, ("origin", "https://JOBS.example:8080")]));
        for origin in ["null", "http://evil.example", "http://jobs.example", "jobs.example:8080"] {
            assert!(!comes_from_us(&[host, ("origin", origin)]), "{origin}");
        }
        assert!(!comes_from_us(&[("origin", "http://jobs.example:8080")]));
        assert!(comes_from_us(&[host]), "a program; the token is still asked for");
    }
}
