//! Dependencies between the modules of `workpool` point down.

use std::collections::BTreeMap;

use super::{files, none};

/// Each module with its layer; a module imports only its own and lower layers.
const LAYERS: [&[&str]; 14] = [
    &[
        "work",
        "retry",
        "failure",
        "error",
        "finite",
        "cancellation",
        "function",
        "payload",
        "telemetry",
        "meter",
        "metrics",
        "trace",
        "events",
        "backoff",
        "failpoint",
        "view",
        "store",
    ],
    &["desk", "hub", "lane", "listener"],
    &["handle"],
    &["submit", "writer"],
    &["enqueue", "monitor"],
    &["pool"],
    &["cancel"],
    &["inspect"],
    &["context"],
    &["registry"],
    &["connect", "worker"],
    &["health", "prometheus"],
    &["dashboard"],
    &["testing", "private", "lib", "cli"],
];

#[test]
fn modules_import_only_from_their_own_layer_or_below() {
    let layers: BTreeMap<&str, usize> = LAYERS
        .iter()
        .enumerate()
        .flat_map(|(layer, modules)| modules.iter().map(move |module| (*module, layer)))
        .collect();
    let mut faults = Vec::new();
    for (path, text) in files("workpool/src", ".rs") {
        let below = path.strip_prefix("workpool/src").unwrap();
        let first = below.components().next().unwrap().as_os_str().to_str().unwrap();
        let module = first.trim_end_matches(".rs");
        let Some(layer) = layers.get(module) else {
            faults.push(format!("{module} has no layer; give it one here and in ARCHITECTURE.md"));
            continue;
        };
        for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
            for rest in line.split("crate::").skip(1) {
                let name: String =
                    rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
                if layers.get(&*name).is_some_and(|used| used > layer) {
                    faults.push(format!("{} imports {name}, a higher layer", path.display()));
                }
            }
        }
    }
    none(faults);
}

/// `store` is below everything that knows of Rust functions.
#[test]
fn the_store_knows_no_handlers() {
    let words = ["ActionCtx", "MutationCtx", "Handler", "Registry"];
    let faults = files("workpool/src/store", ".rs").into_iter().filter_map(|(path, text)| {
        let word = words.into_iter().find(|word| text.contains(word))?;
        Some(format!("{} mentions {word}", path.display()))
    });
    none(faults.collect());
}
