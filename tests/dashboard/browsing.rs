//! Asking for pages as a browser would, without one: keeps cookies, reads forms.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::Response;
use tower::ServiceExt;
use workpool::dashboard::Dashboard;
use workpool_tests::{Stage, encoded};

/// The most bytes that a page may have.
const MOST: usize = 4 << 20;

/// Somebody who looks at the dashboard.
#[derive(Debug, Clone)]
pub(crate) struct Browser {
    router: Router,
    cookies: Vec<String>,
}

/// A page that was answered.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Browser {
    pub(crate) const fn new(router: Router) -> Self {
        Self { router, cookies: Vec::new() }
    }

    /// With the dashboard of a stage, as it is by default.
    pub(crate) fn of(stage: &Stage) -> Self {
        Self::new(Dashboard::new(stage.workpool()).router())
    }

    pub(crate) async fn send(&mut self, request: Request<Body>) -> Response {
        let (mut parts, body) = request.into_parts();
        if !self.cookies.is_empty() {
            parts.headers.insert(COOKIE, self.cookies.join("; ").parse().unwrap());
        }
        let request = Request::from_parts(parts, body);
        let response = self.router.clone().oneshot(request).await.unwrap();
        for line in response.headers().get_all(SET_COOKIE) {
            let pair = line.to_str().unwrap().split(';').next().unwrap();
            self.cookies.push(pair.to_owned());
        }
        response
    }

    pub(crate) async fn get(&mut self, address: &str) -> Page {
        let request = Request::get(address).body(Body::empty()).unwrap();
        Page::read(self.send(request).await).await
    }

    /// The page, which must be there.
    pub(crate) async fn open(&mut self, address: &str) -> Page {
        let page = self.get(address).await;
        assert_eq!(page.status, StatusCode::OK, "{address}: {}", page.text);
        page
    }

    /// Posts a form, with the headers of a browser.
    pub(crate) async fn post(&mut self, address: &str, form: &str) -> Page {
        self.post_from(address, form, &[("sec-fetch-site", "same-origin")]).await
    }

    pub(crate) async fn post_from(
        &mut self,
        address: &str,
        form: &str,
        headers: &[(&str, &str)],
    ) -> Page {
        let mut request = Request::post(address)
            .header("host", "jobs.example")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(form.to_owned())).unwrap();
        Page::read(self.send(request).await).await
    }

    /// Opens the page that asks, and says yes; with further fields filled in.
    pub(crate) async fn confirm(&mut self, address: &str, fields: &str) -> Page {
        let page = self.open(address).await;
        let form = format!("{}{fields}", page.form());
        self.post(address.split('?').next().unwrap(), &form).await
    }
}

impl Page {
    async fn read(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let text = to_bytes(body, MOST).await.unwrap();
        let text = String::from_utf8(text.to_vec()).unwrap();
        Self { status: parts.status, headers: parts.headers, text }
    }

    pub(crate) fn location(&self) -> &str {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.text);
        self.headers[LOCATION].to_str().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The token that forms of this page carry.
    pub(crate) fn token(&self) -> &str {
        let (_, rest) = self.text.split_once("name=\"token\" value=\"").expect("there is a form");
        rest.split('"').next().unwrap()
    }

    /// The hidden fields of its form, as they are posted.
    fn form(&self) -> String {
        let hidden = self.text.split("<input type=\"hidden\" name=\"").skip(1);
        let pairs = hidden.map(|rest| {
            let (name, rest) = rest.split_once("\" value=\"").unwrap();
            let value = rest.split('"').next().unwrap();
            let plain = value.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
            format!("{name}={}", encoded(&plain.replace("&amp;", "&")))
        });
        pairs.collect::<Vec<_>>().join("&")
    }
}
