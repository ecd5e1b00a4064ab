//! The patches of `tests/teeth` break the library on purpose. Here they are only looked at, so that
//! they do not rot: each applies to the library as it is, and names a test that is there.

use std::path::Path;
use std::process::Command;

use crate::{all_rust, files, none, root};

/// The patches, and the one line of each that says which test catches it.
fn patches() -> Vec<(String, Option<String>)> {
    let named = files("tests/teeth", ".patch").into_iter().map(|(path, text)| {
        let mut catches = text.lines().filter_map(|line| line.strip_prefix("# catches: "));
        let one = catches.next().filter(|_| catches.next().is_none());
        (path.display().to_string(), one.map(str::to_owned))
    });
    named.collect()
}

/// Where the targets that a patch may name keep their tests.
fn folder(target: &str) -> Option<String> {
    match target.split_once("--test ") {
        // Before it may be the features that it takes.
        Some((_, name)) => Some(format!("tests/{name}/")),
        None => (target == "--lib").then(|| "workpool/src/".to_owned()),
    }
}

/// Whether a file of the folder has a function of that name, and is where the path says.
fn has_test(folder: &str, test: &str) -> bool {
    let mut modules: Vec<_> = test.split("::").collect();
    let name = modules.pop().unwrap_or_default();
    modules.retain(|module| *module != "tests");
    let (file, inner) = (modules.join("/"), format!("fn {name}("));
    let is_there = |path: &Path| {
        let path = path.display().to_string();
        let within = path.strip_prefix(folder).unwrap_or_default();
        path.starts_with(folder) && (file.is_empty() || within.starts_with(&file))
    };
    all_rust().iter().any(|(path, text)| is_there(path) && text.contains(&inner))
}

#[test]
fn every_sabotage_still_applies() {
    let check = |patch: &str| {
        let mut git = Command::new("git");
        let git = git.current_dir(root()).args(["apply", "--check", patch]);
        let done = git.output().expect("git is there, as for whoever applies them");
        (!done.status.success())
            .then(|| format!("{patch}: {}", String::from_utf8_lossy(&done.stderr)))
    };
    none(patches().iter().filter_map(|(patch, _)| check(patch)).collect());
}

#[test]
fn every_sabotage_names_the_test_that_catches_it() {
    let check = |(patch, catches): &(String, Option<String>)| {
        let Some(catches) = catches else {
            return Some(format!("{patch} names no test, or several"));
        };
        let (target, test) = catches.rsplit_once(' ').unwrap_or_default();
        let found = folder(target).is_some_and(|folder| has_test(&folder, test));
        (!found).then(|| format!("{patch}: there is no `{catches}`"))
    };
    none(patches().iter().filter_map(check).collect());
}
