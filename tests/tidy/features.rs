//! What a normal build must not contain.

use std::process::Command;

use super::root;

/// What a normal build of the library depends on, as deep as is said.
fn tree(depth: &str) -> String {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--package", "workpool", "--edges", "normal", "--prefix", "none"])
        .args(["--offline", "--locked", "--depth", depth])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    String::from_utf8(tree.stdout).unwrap()
}

#[test]
fn a_normal_build_depends_on_these_and_no_others() {
    let tree = tree("1");
    let mut names: Vec<_> =
        tree.lines().skip(1).filter_map(|line| line.split(' ').next()).collect();
    names.sort_unstable();
    let wanted = [
        "futures-core",
        "futures-util",
        "inventory",
        "rand",
        "serde",
        "serde_json",
        "sqlx",
        "thiserror",
        "tokio",
        "tokio-util",
        "tracing",
        "uuid",
        "workpool-macros",
    ];
    assert_eq!(names, wanted);
}

#[test]
fn a_normal_build_has_neither_failpoints_nor_what_only_features_need() {
    let text = tree("99");
    assert!(text.contains("sqlx v"), "an odd tree: {text}");
    for other in [
        "fail",
        "clap",
        "comfy-table",
        "ratatui",
        "axum",
        "maud",
        "metrics",
        "opentelemetry",
        "tracing-opentelemetry",
    ] {
        let start = format!("{other} v");
        assert!(!text.lines().any(|line| line.starts_with(&start)), "it depends on `{other}`");
    }
}
