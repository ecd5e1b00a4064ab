//! What a normal build must not contain.

use std::process::Command;

use super::root;

#[test]
fn a_normal_build_has_no_failpoints() {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--package", "workpool", "--edges", "normal", "--prefix", "none"])
        .args(["--offline", "--locked"])
        .current_dir(root())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&tree.stdout);
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    assert!(text.contains("sqlx v"), "an odd tree: {text}");
    assert!(!text.lines().any(|line| line.starts_with("fail v")), "it depends on `fail`");
}
