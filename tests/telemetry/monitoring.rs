//! The dashboard of Grafana and the alert rules of Prometheus name only metrics that there are.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::page::documented;

fn file(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/monitoring");
    fs::read_to_string(folder.join(name)).unwrap()
}

fn dashboard() -> Value {
    serde_json::from_str(&file("grafana.json")).unwrap()
}

fn rules() -> Value {
    serde_yaml_ng::from_str(&file("alerts.yaml")).unwrap()
}

/// All texts under a key, however deep.
fn texts<'v>(value: &'v Value, key: &str) -> Vec<&'v str> {
    match value {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| match value.as_str() {
                Some(text) if name == key => vec![text],
                _ => texts(value, key),
            })
            .collect(),
        Value::Array(values) => values.iter().flat_map(|value| texts(value, key)).collect(),
        _ => Vec::new(),
    }
}

/// The names of metrics in an expression, with what Prometheus appends to those of histograms.
fn names(expression: &str) -> Vec<&str> {
    let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("workpool_")).collect()
}

#[track_caller]
fn assert_known(expressions: &[&str]) {
    let known = documented();
    for expression in expressions {
        let named = names(expression);
        assert!(!named.is_empty(), "it watches nothing of ours: {expression}");
        for name in named {
            let parts = ["_bucket", "_sum", "_count"];
            let histogram = parts.into_iter().find_map(|part| name.strip_suffix(part));
            let of_histogram = |name| known.get(name).is_some_and(|(kind, _)| kind == "histogram");
            // A histogram is only read by its parts.
            let is_known = match histogram {
                Some(whole) if of_histogram(whole) => true,
                _ => known.contains_key(name) && !of_histogram(name),
            };
            assert!(is_known, "{name} is not measured: {expression}");
        }
    }
}

#[test]
fn every_panel_shows_what_is_measured() {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().unwrap();
    let graphs: Vec<_> = panels.iter().filter(|panel| panel["type"] != "row").collect();
    assert!(graphs.len() >= 10);
    for panel in graphs {
        let expressions = texts(panel, "expr");
        assert!(!expressions.is_empty(), "{} shows nothing", panel["title"]);
        assert!(panel["description"].is_string(), "{} says nothing", panel["title"]);
        assert_known(&expressions);
    }
    let variables = texts(&dashboard["templating"], "query");
    assert!(variables.iter().any(|query| query.contains("label_values(workpool_limit, pool)")));
    assert_known(&variables.into_iter().filter(|q| q.contains("workpool")).collect::<Vec<_>>());
}

#[test]
fn every_alert_watches_what_is_measured_and_says_what_to_do() {
    let rules = rules();
    let alerts: Vec<_> = rules["groups"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap())
        .collect();
    let named: Vec<_> = alerts.iter().map(|alert| alert["alert"].as_str().unwrap()).collect();
    let wanted = [
        "WorkpoolBacklog",
        "WorkpoolFailures",
        "WorkpoolRetries",
        "WorkpoolStartLag",
        "WorkpoolNoWorker",
        "WorkpoolCallbacksParked",
    ];
    assert!(wanted.iter().all(|name| named.contains(name)), "{named:?}");
    for alert in alerts {
        assert_known(&[alert["expr"].as_str().unwrap()]);
        assert!(alert["labels"]["severity"].is_string(), "{alert}");
        for text in ["summary", "description"] {
            assert!(alert["annotations"][text].is_string(), "{text} of {alert}");
        }
    }
}

/// Where the tool of Prometheus is, it has the last word.
#[test]
fn prometheus_takes_the_rules_and_fires_as_they_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/monitoring");
    for arguments in [["check", "rules", "alerts.yaml"], ["test", "rules", "alerts.test.yaml"]] {
        match Command::new("promtool").args(arguments).current_dir(&folder).output() {
            Ok(done) => assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr)),
            Err(error) => println!("promtool is not there, so it was not asked: {error}"),
        }
    }
}
