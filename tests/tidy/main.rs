//! The house rules, as far as a program can see them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod features;
mod layers;
mod schema;
mod teeth;

use std::fs;
use std::path::{Path, PathBuf};

/// The top of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// All files below a folder that end like this, with their text.
fn files(folder: &str, ending: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_str().unwrap().ends_with(ending) {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(root()).unwrap().to_owned(), text));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no {ending} in {folder}");
    found
}

fn all_rust() -> Vec<(PathBuf, String)> {
    let folders = ["workpool/src", "workpool-macros/src", "tests", "examples"];
    folders.into_iter().flat_map(|folder| files(folder, ".rs")).collect()
}

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "it is the end of them")]
fn none(faults: Vec<String>) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn the_top_level_holds_what_it_should_and_nothing_else() {
    let allowed = [
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "SECURITY.md",
        "CONTRIBUTING.md",
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE-APACHE",
        "LICENSE-MIT",
        "README.md",
        "examples",
        "target",
        "tests",
        "workpool",
        "workpool-macros",
    ];
    let entries = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().file_name());
    let names = entries.map(|name| name.into_string().unwrap());
    let odd = names.filter(|name| !name.starts_with('.') && !allowed.contains(&name.as_str()));
    none(odd.collect());
}

#[test]
fn every_file_says_what_it_is_for() {
    let is_ui = |path: &Path| path.starts_with("tests/ui/");
    let silent = all_rust().into_iter().filter(|(path, text)| {
        !is_ui(path) && !path.starts_with("workpool-macros/snapshots") && !text.starts_with("//!")
    });
    none(silent.map(|(path, _)| format!("{} does not open with //!", path.display())).collect());
}

#[test]
fn no_file_is_too_long() {
    let long = all_rust().into_iter().filter(|(_, text)| text.lines().count() > 400);
    none(long.map(|(path, _)| format!("{} has more than 400 lines", path.display())).collect());
}

#[test]
fn only_the_store_runs_sql_and_one_file_makes_it() {
    let mut faults = Vec::new();
    for (path, text) in files("workpool/src", ".rs") {
        let shown = path.display();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let code: Vec<_> = code.lines().filter(|l| !l.trim_start().starts_with("//")).collect();
        let code = code.join("\n");
        let runs = ["sqlx::query", "query_as(", "query_scalar("].iter().any(|w| code.contains(w));
        // A listener pings, connections set themselves up, test databases are made and dropped.
        let may = ["store/", "listener.rs", "worker/connections.rs", "testing/"];
        if runs && !may.iter().any(|may| shown.to_string().contains(may)) {
            faults.push(format!("{shown} runs SQL; that belongs into store/"));
        }
        if code.contains("AssertSqlSafe") && !path.ends_with("store/statements.rs") {
            faults.push(format!("{shown} makes SQL text; that belongs into store/statements.rs"));
        }
    }
    none(faults);
}

#[test]
fn only_telemetry_names_events() {
    let words = ["tracing::info!", "tracing::warn!", "tracing::debug!", "tracing::error!"];
    let faults = files("workpool/src", ".rs").into_iter().filter(|(path, text)| {
        !path.ends_with("telemetry.rs") && words.iter().any(|word| text.contains(word))
    });
    none(faults.map(|(path, _)| format!("{} logs by itself", path.display())).collect());
}

#[test]
fn every_statement_says_what_its_parameters_are() {
    let silent = files("workpool/src/store/sql", ".sql").into_iter().filter(|(_, sql)| {
        let comment: String = sql.lines().take_while(|line| line.starts_with("--")).collect();
        sql.contains("$1") && !comment.contains("$1")
    });
    none(silent.map(|(path, _)| format!("{} names no parameters", path.display())).collect());
}

#[test]
fn every_event_is_documented() {
    let telemetry = fs::read_to_string(root().join("workpool/src/telemetry.rs")).unwrap();
    let documented = fs::read_to_string(root().join("workpool/src/events.rs")).unwrap();
    let named = telemetry.split("event = \"").skip(1).filter_map(|rest| rest.split('"').next());
    let missing = named.filter(|event| !documented.contains(&format!("| `{event}` |")));
    none(missing.map(|event| format!("event `{event}` is not in events.rs")).collect());
}

#[test]
fn every_metric_is_documented_and_named_in_one_place() {
    let code = fs::read_to_string(root().join("workpool/src/meter/names.rs")).unwrap();
    let page = fs::read_to_string(root().join("workpool/src/metrics.rs")).unwrap();
    let metrics = code.split(" = \"workpool_").skip(1).filter_map(|rest| rest.split('"').next());
    let mut faults: Vec<_> = metrics
        .filter(|name| !page.contains(&format!("| `workpool_{name}` |")))
        .map(|name| format!("metric `workpool_{name}` is not in metrics.rs"))
        .collect();
    let macros = ["counter!(\"", "gauge!(\"", "histogram!(\""];
    let others = files("workpool/src", ".rs")
        .into_iter()
        .filter(|(_, text)| macros.iter().any(|one| text.contains(one)));
    faults.extend(others.map(|(path, _)| format!("{} names a metric", path.display())));
    none(faults);
}
