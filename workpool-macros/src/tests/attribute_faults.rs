//! Faults in the options, under a function that is sound.

use super::assert_faults;

/// Checks the faults of `attribute`, such as `action(pool = "")`.
#[track_caller]
fn assert_option_faults(attribute: &str, expected: &[(&str, &str)]) {
    let parameters = match attribute.split('(').next() {
        Some("action") => "ctx: &ActionCtx",
        Some("mutation") => "ctx: &mut MutationCtx<'_>",
        Some("query") => "ctx: &mut QueryCtx<'_>",
        _ => "ctx: &mut MutationCtx<'_>, done: Completion<(), i64>",
    };
    let source = format!("#[{attribute}] async fn f({parameters}) -> workpool::Result<()> {{}}");
    assert_faults(&source, expected);
}

#[test]
fn every_option_of_every_attribute_is_accepted() {
    let all = r#"action(pool = "a", name = "b", retry, timeout = "1s", status_ttl = "0s",)"#;
    assert_option_faults(all, &[]);
    assert_option_faults("action(retry = true)", &[]);
    let policy =
        r#"retry(max_attempts = 2147483647, initial_backoff = "1s", base = 1, max_backoff = "1s")"#;
    assert_option_faults(&format!("action({policy})"), &[]);
    assert_option_faults(r#"query(pool = A::<1>::POOL, status_ttl = "forever")"#, &[]);
    assert_option_faults(r#"on_complete(context = (), name = "b", redact, grouped)"#, &[]);
    assert_option_faults("mutation(grouped = false)", &[]);
    assert_option_faults(r#"action(redact("a", "b.c"))"#, &[]);
}

#[test]
fn an_unknown_option_is_answered_with_the_known_ones() {
    let known = "`#[action]` takes `pool`, `name`, `retry`, `timeout`, `status_ttl` and \
                 `redact`";
    for (option, meant) in [("polo", "pool"), ("tiemout", "timeout"), ("retries", "retry")] {
        let message = format!("unknown option `{option}`: did you mean `{meant}`? ({known})");
        assert_option_faults(&format!("action({option})"), &[(option, &message)]);
    }
    let message = format!("unknown option `priority`: {known}");
    assert_option_faults("action(priority = 3)", &[("priority", &message)]);
    assert_option_faults(
        "action(retry(attempts = 3))",
        &[(
            "attempts",
            "unknown option `attempts`: did you mean `max_attempts`? (`retry(…)` takes \
             `max_attempts`, `initial_backoff`, `base` and `max_backoff`)",
        )],
    );
}

#[test]
fn an_option_of_another_attribute_is_refused_with_the_reason() {
    let retry = |noun| {
        format!(
            "{noun} takes no `retry`: its body runs in a database transaction, which is run again \
             by itself on serialization failures and lost connections, and an error ends the work; \
             remove `retry`, or use `#[action]` if you want retries"
        )
    };
    assert_option_faults("mutation(retry)", &[("retry", &retry("a mutation"))]);
    assert_option_faults("query(retry(base = 0))", &[("retry", &retry("a query"))]);
    assert_option_faults(
        "action(context = EmailLog)",
        &[(
            "context",
            "an action takes no `context`: the context belongs to the completion; write `context` \
             on the `#[on_complete]` handler",
        )],
    );
    let grouped = |noun| {
        format!(
            "{noun} takes no `grouped`: it commits nothing that could be committed together with \
             others; remove `grouped`"
        )
    };
    assert_option_faults("action(grouped)", &[("grouped", &grouped("an action"))]);
    assert_option_faults("query(grouped)", &[("grouped", &grouped("a query"))]);
    assert_option_faults(
        r#"on_complete(pool = "a", retry, timeout = "1s")"#,
        &[
            (
                "pool",
                "an `on_complete` handler takes no `pool`: it runs outside the pools, under a \
                 limit of its own; write `pool` on the function whose work it completes",
            ),
            (
                "retry",
                "an `on_complete` handler takes no `retry`: it is always retried with backoff, \
                 and parked in the end if it keeps failing; remove `retry`",
            ),
            (
                "timeout",
                "an `on_complete` handler takes no `timeout`: write it on the function whose work \
                 it completes",
            ),
        ],
    );
}

#[test]
fn an_option_is_given_once() {
    assert_option_faults(
        r#"action(name = "a", retry, name = "a", retry = false)"#,
        &[
            ("name", "`name` is given twice: keep one"),
            ("retry", "`retry` contradicts the `retry` before it: keep one"),
        ],
    );
}

#[test]
fn what_is_no_option_is_pointed_at() {
    assert_option_faults(
        r#"action("email")"#,
        &[(r#""email""#, r#"an option has a name: write `pool = "email"`"#)],
    );
    assert_option_faults(
        "action(pool =, name: 1, retry() x, + 1)",
        &[
            ("pool", "`pool =` lacks its value: write `pool = …`"),
            (":", "expected `=` after `name`: write `name = …`"),
            ("x", "expected `,` after `retry`"),
            ("+", "expected the name of an option, such as `name = \"…\"`"),
        ],
    );
}

#[test]
fn a_value_is_of_the_kind_that_the_option_takes() {
    assert_option_faults(
        "action(pool = 1 + 1, name = NAME, retry = 3, timeout = 30, status_ttl)",
        &[
            (
                "1 + 1",
                r#"`pool` takes a string or the path of a `Pool` constant: write `pool = "email"`"#,
            ),
            ("NAME", r#"`name` takes a string: write `name = "emails/welcome"`"#),
            (
                "3",
                "`retry` takes no such value: write `retry`, `retry = false` or \
                 `retry(max_attempts = 3)`",
            ),
            ("30", r#"`timeout` takes a duration with its unit: write `timeout = "30s"`"#),
            (
                "status_ttl",
                r#"`status_ttl` takes a duration: write `status_ttl = "1d"` or `status_ttl = "forever"`"#,
            ),
        ],
    );
    assert_option_faults(
        "mutation(grouped = 5)",
        &[("5", "`grouped` takes no value: write `grouped`")],
    );
    assert_option_faults(
        "on_complete(context = 7)",
        &[("7", "`context` takes a type: write `context = EmailLog`")],
    );
    assert_option_faults(
        r#"action(retry(max_attempts = "3", base = "2", max_backoff = 3))"#,
        &[
            (r#""3""#, "`max_attempts` takes a whole number: write `max_attempts = 3`"),
            (r#""2""#, "`base` takes a number: write `base = 2.0`"),
            ("3", r#"`max_backoff` takes a duration with its unit: write `max_backoff = "3s"`"#),
        ],
    );
    assert_option_faults(
        "action(retry())",
        &[("()", "`retry()` sets nothing: write `retry` for the policy of the pool")],
    );
}

#[test]
fn a_name_can_be_stored() {
    assert_option_faults(
        r#"action(pool = "", name = "a\0b")"#,
        &[
            (r#""""#, r#"`pool` is empty: write `pool = "email"`"#),
            (r#""a\0b""#, "`name` contains a NUL, which the database cannot store"),
        ],
    );
    assert_option_faults(
        r#"action(pool = "\0", name = "")"#,
        &[
            (r#""\0""#, "`pool` contains a NUL, which the database cannot store"),
            (r#""""#, r#"`name` is empty: write `name = "emails/welcome"`"#),
        ],
    );
    let (longest, longer) = ("é".repeat(100), "é".repeat(100) + "e");
    assert_option_faults(&format!("action(pool = \"{longest}\")"), &[]);
    assert_option_faults(
        &format!("action(pool = \"{longer}\")"),
        &[(
            &format!("\"{longer}\""),
            "the name of a pool has at most 200 bytes, and this one has 201",
        )],
    );
}

#[test]
fn a_duration_has_a_unit_and_a_timeout_is_longer_than_zero() {
    assert_option_faults(
        r#"action(timeout = "0ms", status_ttl = "soon")"#,
        &[
            (
                r#""0ms""#,
                "a timeout of zero ends every attempt before it starts: write \
                 `timeout = \"30s\"`, or leave `timeout` out",
            ),
            (
                r#""soon""#,
                "`soon` is no duration (expected number at 0): write `status_ttl = \"1d\"` or \
                 `status_ttl = \"forever\"`",
            ),
        ],
    );
}

#[test]
fn a_retry_policy_makes_sense() {
    let attempts =
        "`max_attempts` counts the first attempt too: write a number from 1 to 2147483647";
    let base = "`base` multiplies the backoff after each attempt: write a finite number of at \
                least 1, such as `base = 2.0`";
    assert_option_faults(
        "action(retry(max_attempts = 0, base = 0.99))",
        &[("0", attempts), ("0.99", base)],
    );
    assert_option_faults(
        "action(retry(max_attempts = 2147483648, base = 1e999))",
        &[("2147483648", attempts), ("1e999", base)],
    );
    assert_option_faults(
        "action(retry(max_attempts = -1, base = -1.0))",
        &[("-1", attempts), ("-1.0", base)],
    );
    assert_option_faults(
        r#"action(retry(initial_backoff = "2m", max_backoff = "1m"))"#,
        &[(
            r#""2m""#,
            "`initial_backoff` is longer than `max_backoff`, which would cap it at once: lower \
             the one or raise the other",
        )],
    );
}

#[test]
fn what_is_redacted_is_named_by_paths() {
    let message = "`redact` takes no such value: write `redact`, or name what is hidden: \
                   `redact(\"password\", \"card.number\")`";
    assert_option_faults("action(redact = true)", &[("true", message)]);
    assert_option_faults("action(redact(password))", &[("(password)", message)]);
    let message = "`redact()` hides nothing: write `redact` to hide all of it";
    assert_option_faults("action(redact())", &[("()", message)]);
    let message = "a path is names with dots between them, such as `card.number`";
    assert_option_faults(r#"action(redact("a..b"))"#, &[(r#""a..b""#, message)]);
    assert_option_faults(r#"mutation(redact("", "a"))"#, &[(r#""""#, message)]);
}
