//! What holds for all commands: JSON where it is asked for, help for every flag, the codes.

use std::collections::BTreeSet;

use uuid::Uuid;
use workpool_tests::{Scene, Stage};

use crate::program::{alone, run, workpool};

/// The names of all commands, as the help lists them.
fn commands(of: &[&str]) -> Vec<String> {
    let help = run(alone(&[of, &["--help"]].concat()));
    let (_, rest) = help.done().split_once("Commands:\n").expect("it lists commands");
    let listed = rest.lines().take_while(|line| !line.is_empty());
    let names = listed.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// Commands with all that they need, and how they end.
fn lines(scene: &Scene) -> Vec<(String, i32)> {
    let Scene { scheduled, due, running, retrying, failed, canceled, .. } = scene;
    let lines = [
        ("migrate".into(), 0),
        ("migrate --dry-run".into(), 0),
        ("migrate --print-sql".into(), 0),
        ("status".into(), 0),
        ("pools".into(), 0),
        ("pools mail".into(), 0),
        ("pause mail".into(), 0),
        ("resume mail".into(), 0),
        ("scale mail 3".into(), 0),
        ("work".into(), 0),
        (
            "work --pool mail --function app::mail --state failed --error mail --older-than 1s"
                .into(),
            0,
        ),
        ("failures --pool mail --since 1d".into(), 0),
        (format!("show {running}"), 0),
        (format!("show {failed}"), 0),
        (format!("why {retrying}"), 0),
        (format!("why {canceled}"), 0),
        (format!("run-now {scheduled}"), 0),
        (format!("cancel {due} --yes"), 0),
        (format!("cancel {due} --yes"), 6),
        ("cancel --pool mail --state retrying --yes".into(), 0),
        (format!("retry {due}"), 0),
        (format!("retry {due}"), 6),
        (format!("retry {canceled}"), 6),
        ("retry --pool mail --yes".into(), 0),
        ("callbacks list".into(), 0),
        (format!("callbacks replay {failed}"), 0),
        ("callbacks replay --all".into(), 6),
        ("prune mail --older-than 1d --yes".into(), 6),
        ("workers".into(), 0),
        ("doctor".into(), 4),
        ("audit".into(), 0),
    ];
    lines.into()
}

#[tokio::test]
async fn every_command_answers_in_json_with_its_code() {
    let stage = Stage::new().await;
    let scene = Scene::set(stage.workpool(), "mail").await;
    let lines = lines(&scene);
    for (line, code) in &lines {
        let answer = workpool(stage.url(), &format!("{line} --json")).await;
        assert_eq!(answer.code, *code, "{line}: {answer:?}");
        assert_eq!(answer.err, "", "{line}");
        let json = answer.json();
        assert!(json.is_array() || json.is_object(), "{line}: {json}");
    }
    let tried: BTreeSet<_> =
        lines.iter().map(|(line, _)| line.split(' ').next().unwrap()).collect();
    // Of its own kind: a screen, a server, a script, and this list.
    let others = BTreeSet::from(["watch", "dashboard", "completions", "help"]);
    let all = commands(&[]);
    let all: BTreeSet<_> = all.iter().map(String::as_str).collect();
    assert_eq!(tried.union(&others).copied().collect::<BTreeSet<_>>(), all);
}

#[tokio::test]
async fn what_is_not_there_and_not_meant_is_an_error_beside_the_answer() {
    let stage = Stage::new().await;
    let nobody = Uuid::now_v7();
    let cases = [
        (format!("show {nobody}"), 3),
        (format!("why {nobody}"), 3),
        (format!("run-now {nobody}"), 3),
        (format!("retry {nobody}"), 3),
        (format!("cancel {nobody} --yes"), 3),
        ("pools nowhere".into(), 3),
        ("scale nowhere 1".into(), 3),
        (format!("cancel {nobody}"), 5),
        ("retry --pool echo".into(), 5),
        ("prune echo --older-than 1h".into(), 5),
        ("cancel --yes".into(), 2),
        ("watch".into(), 2),
        ("work --after nonsense".into(), 1),
        ("pools --schema nowhere".into(), 1),
    ];
    for (line, code) in cases {
        let answer = workpool(stage.url(), &format!("{line} --json")).await;
        assert_eq!((answer.code, &*answer.out), (code, ""), "{line}: {answer:?}");
        assert!(answer.err.starts_with("error: "), "{line}: {answer:?}");
    }
}

#[test]
fn every_command_and_every_flag_says_what_it_is_for() {
    let mut all: Vec<Vec<String>> = commands(&[]).into_iter().map(|name| vec![name]).collect();
    all.extend(commands(&["callbacks"]).into_iter().map(|name| vec!["callbacks".into(), name]));
    all.retain(|words| words.last().is_some_and(|word| word != "help"));
    all.push(Vec::new());
    for words in all {
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let help = run(alone(&[&*words, &["-h"]].concat()));
        let text = help.done();
        let first = text.lines().next().unwrap_or_default();
        assert!(!first.is_empty() && !first.starts_with("Usage"), "{words:?}: {text}");
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            let flag = line.trim_start();
            let named =
                flag.strip_prefix('[').is_some_and(|name| name.starts_with(char::is_uppercase));
            let is_one = line.starts_with("  ") && (named || flag.starts_with(['-', '<']));
            // Beside it after two spaces, or below it.
            let beside = flag.split_once("  ").is_some_and(|(_, said)| !said.trim().is_empty());
            let below = lines.peek().is_some_and(|next| next.starts_with("          "));
            assert!(!is_one || beside || below, "{words:?} does not say what {flag} is for");
        }
    }
}
