//! What the compiler says of mistakes, and that it says nothing where there are none.
//! `TRYBUILD=overwrite` writes the messages anew; read them before you commit them.

#[test]
fn mistakes_are_explained_and_correct_programs_compile() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("ui/fail/*.rs");
    cases.pass("ui/pass/*.rs");
}
