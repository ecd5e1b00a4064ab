//! What a normal build must not contain.

use std::process::Command;

use super::root;

#[test]
fn a_normal_build_has_neither_failpoints_nor_what_only_features_need() {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--package", "workpool", "--edges", "normal", "--prefix", "none"])
        .args(["--offline", "--locked"])
        .current_dir(root())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&tree.stdout);
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
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
