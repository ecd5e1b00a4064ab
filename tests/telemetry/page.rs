//! The page that documents the metrics, read.

use std::collections::BTreeMap;

const PAGE: &str = include_str!("../../workpool/src/metrics.rs");

/// The kind and the sorted labels of each metric on it that a process measures of itself.
pub(crate) fn documented() -> BTreeMap<String, (String, Vec<String>)> {
    let (of_processes, _) = PAGE.split_once("# Of all processes").unwrap();
    let rows = of_processes.lines().filter_map(|line| line.strip_prefix("//! | `"));
    let read = |row: &str| {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let name = cells[0].trim_end_matches('`').to_owned();
        let labels = cells[2].split(", ").map(|label| label.trim_matches('`').to_owned());
        let mut labels: Vec<_> = labels.filter(|label| !label.is_empty()).collect();
        labels.sort();
        (name, (cells[1].to_owned(), labels))
    };
    let page: BTreeMap<_, _> = rows.map(read).collect();
    assert!(page.len() > 20, "the page reads oddly: {page:?}");
    page
}
