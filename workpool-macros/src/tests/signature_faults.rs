//! Faults in the signature, and those of both halves together.

use super::assert_faults;

#[test]
fn a_function_is_async_and_otherwise_ordinary() {
    assert_faults(
        "#[action] const unsafe extern \"C\" fn f(ctx: &ActionCtx, ...) -> Result<()> {}",
        &[
            (
                "const",
                "an action cannot be `const`: the worker calls it as an ordinary async function; \
                 remove `const`",
            ),
            ("fn", "an action must be async: write `async fn f`"),
            (
                "unsafe",
                "an action cannot be `unsafe`: the worker calls it as an ordinary async function; \
                 remove `unsafe`",
            ),
            (
                "extern \"C\"",
                "an action cannot be `extern`: the worker calls it as an ordinary async function; \
                 remove `extern`",
            ),
            (
                "...",
                "an action cannot be variadic: the worker calls it as an ordinary async function; \
                 name each argument",
            ),
        ],
    );
}

#[test]
fn a_function_is_concrete() {
    let generic = |remedy| {
        format!(
            "a query cannot be generic: the registry needs one concrete function; write {remedy}"
        )
    };
    assert_faults(
        "#[query] async fn f<'a, T, const N: usize>(ctx: &mut QueryCtx<'_>, a: T) -> Result<T>
         where T: Copy {}",
        &[
            (
                "'a",
                "a query cannot be generic: the registry needs one concrete function; remove the \
                 lifetime, and write `'_` in the context",
            ),
            ("T", &generic("a concrete type")),
            ("const N: usize", &generic("a concrete value")),
            (
                "where T: Copy",
                "a query cannot have a `where` clause: the registry needs one concrete function; \
                 remove it",
            ),
        ],
    );
    let opaque = "write a concrete type: the registry needs one concrete function, and \
                  `impl Trait` has no name";
    assert_faults(
        "#[action] async fn f(ctx: &ActionCtx, a: Option<impl Copy>) -> Result<(), impl Display> {}",
        &[("impl Copy", opaque), ("impl Display", opaque)],
    );
}

#[test]
fn the_context_comes_first() {
    assert_faults(
        "#[action] async fn f() -> Result<()> {}",
        &[("()", "an action takes its context: write `(ctx: &ActionCtx)`")],
    );
    assert_faults(
        "#[mutation] async fn f(by: i64) -> Result<()> {}",
        &[(
            "by: i64",
            "the first parameter of a mutation is its context: write `ctx: &mut MutationCtx<'_>` \
             before this",
        )],
    );
    assert_faults(
        "#[action] async fn f(&self, ctx: &ActionCtx) -> Result<()> {}",
        &[(
            "&self",
            "an action cannot be a method: the worker has no `self` to call it on; make it a free \
             function, and take shared things from `ctx.state::<T>()`",
        )],
    );
}

#[test]
fn the_context_is_the_one_of_the_attribute_and_lent_as_it_lends_it() {
    let action = "the context of an action is `&ActionCtx`: write `c: &ActionCtx`";
    for wrong in ["ActionCtx", "&mut ActionCtx", "&'static ActionCtx", "&Ctx", "&&ActionCtx"] {
        let source = format!("#[action] async fn f(c: {wrong}) -> Result<()> {{}}");
        assert_faults(&source, &[(wrong, action)]);
    }
    let mutation =
        "the context of a mutation is `&mut MutationCtx<'_>`: write `ctx: &mut MutationCtx<'_>`";
    for wrong in ["MutationCtx<'_>", "&MutationCtx<'_>", "Context"] {
        let source = format!("#[mutation] async fn f(ctx: {wrong}) -> Result<()> {{}}");
        assert_faults(&source, &[(wrong, mutation)]);
    }
    let other = format!("{action}, or make the function a query with `#[query]`");
    let source = "#[action] async fn f(c: &mut QueryCtx<'_>) -> Result<()> {}";
    assert_faults(source, &[("&mut QueryCtx<'_>", &other)]);
}

#[test]
fn a_function_returns_a_result() {
    let message = "an action returns a `Result`: write `-> workpool::Result<()>`";
    assert_faults("#[action] async fn f(ctx: &ActionCtx) {}", &[("f", message)]);
    assert_faults("#[action] async fn f(ctx: &ActionCtx) -> () {}", &[("()", message)]);
}

#[test]
fn arguments_are_owned() {
    let write =
        |what| format!("write {what}: arguments are stored in the database and must be owned");
    let borrowed = [
        ("&str", "&str", "`String`"),
        ("&'static str", "&'static str", "`String`"),
        ("&mut Welcome", "&mut Welcome", "`Welcome`"),
        ("Option<&Path>", "&Path", "`PathBuf`"),
        ("&[u8]", "&[u8]", "a `Vec`"),
        ("&Vec<u8>", "&Vec<u8>", "the type without its `&`"),
        ("Cow<'_, str>", "'_", "an owned type, or `'static` here"),
    ];
    for (ty, token, what) in borrowed {
        let source = format!("#[action] async fn f(ctx: &ActionCtx, a: {ty}) -> Result<()> {{}}");
        assert_faults(&source, &[(token, &write(what))]);
    }
    assert_faults(
        "#[action] async fn f(ctx: &ActionCtx, a: Cow<'static, str>) -> Result<(), &'static str> {}",
        &[],
    );
    assert_faults(
        "#[action] async fn f(ctx: &ActionCtx) -> Result<&str, Error> {}",
        &[("&str", "write `String`: what a function returns outlives the call and must be owned")],
    );
}

#[test]
fn several_arguments_have_plain_names_and_are_there_in_every_build() {
    let plain = "write a plain name: several arguments are stored as the fields of a struct, each \
                 under its name";
    assert_faults(
        "#[action] async fn f(ctx: &ActionCtx, (a, b): (i64, i64), _: i64, ref c: i64, mut d: i64)
         -> Result<()> {}",
        &[("(a, b)", plain), ("_", plain), ("ref c", plain)],
    );
    assert_faults(
        "#[action] async fn f(ctx: &ActionCtx, (a, b): (i64, i64)) -> Result<()> {}",
        &[],
    );
    assert_faults(
        "#[action] async fn f(ctx: &ActionCtx, #[cfg(unix)] a: i64) -> Result<()> {}",
        &[(
            "#[cfg(unix)]",
            "arguments are stored, and every build must agree on them: put the condition on the \
             function",
        )],
    );
}

#[test]
fn a_handler_takes_one_completion() {
    let handler = |parameters: &str| {
        format!(
            "#[on_complete] async fn f(ctx: &mut MutationCtx<'_>{parameters}) -> Result<()> {{}}"
        )
    };
    assert_faults(
        &handler(""),
        &[(
            "(ctx: &mut MutationCtx<'_>)",
            "an `on_complete` handler takes the completion after its context: write \
             `done: Completion<Ctx, T>`",
        )],
    );
    assert_faults(
        &handler(", done: Completion<(), i64>, title: String"),
        &[(
            "title: String",
            "an `on_complete` handler takes nothing but the completion after its context: put what \
             else it needs into the context of the completion",
        )],
    );
    for ty in ["Receipt", "Completion<Receipt>", "Completion", "Outcome<(), Receipt>"] {
        assert_faults(
            &handler(&format!(", done: {ty}")),
            &[(
                ty,
                "an `on_complete` handler takes a completion: write `Completion<Ctx, T>`, with the \
                 type of its context and the result type of the work",
            )],
        );
    }
}

#[test]
fn the_attribute_of_a_handler_names_the_context() {
    assert_faults(
        "#[on_complete] async fn f(ctx: &mut MutationCtx<'_>, done: Completion<EmailLog, i64>)
         -> Result<()> {}",
        &[(
            "EmailLog",
            "the attribute names no context: write `#[on_complete(context = EmailLog)]`, or `()` \
             here",
        )],
    );
    assert_faults(
        "#[on_complete(context = 7)]
         async fn f(ctx: &mut MutationCtx<'_>, done: Completion<EmailLog, i64>) -> Result<()> {}",
        &[("7", "`context` takes a type: write `context = EmailLog`")],
    );
}

#[test]
fn the_faults_of_attribute_and_signature_are_reported_at_once() {
    assert_faults(
        r#"#[mutation(retry, timeout = "0s")] fn f<T>(ctx: MutationCtx, a: &str, b: T) {}"#,
        &[
            (
                "retry",
                "a mutation takes no `retry`: its body runs in a database transaction, which is \
                 run again by itself on serialization failures and lost connections, and an error \
                 ends the work; remove `retry`, or use `#[action]` if you want retries",
            ),
            (
                r#""0s""#,
                "a timeout of zero ends every attempt before it starts: write \
                 `timeout = \"30s\"`, or leave `timeout` out",
            ),
            ("fn", "a mutation must be async: write `async fn f`"),
            (
                "T",
                "a mutation cannot be generic: the registry needs one concrete function; write a \
                 concrete type",
            ),
            (
                "MutationCtx",
                "the context of a mutation is `&mut MutationCtx<'_>`: write \
                 `ctx: &mut MutationCtx<'_>`",
            ),
            ("&str", "write `String`: arguments are stored in the database and must be owned"),
            ("f", "a mutation returns a `Result`: write `-> workpool::Result<()>`"),
        ],
    );
}
