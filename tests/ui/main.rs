//! What the compiler says of mistakes. That it says nothing where there are none show the programs in
//! `pass`, which are tests of their own: so nothing has to be built for these but what is checked.
//! `TRYBUILD=overwrite` writes the messages anew; read them before you commit them.

#[test]
fn mistakes_are_explained() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("fail/*.rs");
}
