//! The chaos driver in brief: each scenario for some seconds, with everything that it checks.
#![allow(missing_docs, reason = "tests are named by sentences")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::print_stdout, reason = "the timeline of a run that failed")]

use std::process::Command;

/// Builds of others may run beside: promises are held to the letter, times are not.
const SLACK: &str = "4";

#[track_caller]
fn passes(arguments: &str) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chaos"));
    command.args(arguments.split(' ')).args(["--slack", SLACK]);
    let output = command.output().unwrap();
    println!("{}", String::from_utf8_lossy(&output.stdout));
    println!("{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "chaos {arguments}");
}

#[test]
fn kills_lose_nothing_and_double_nothing() {
    passes("storm --workers 3 --items 1000 --kills 8");
}

#[test]
fn outages_lose_nothing_and_double_nothing() {
    passes("database --workers 3 --items 1000 --faults 2");
}

#[test]
fn the_frozen_write_nothing_late() {
    passes("zombies --workers 4 --items 800 --faults 6");
}

#[test]
fn limits_hold_while_they_change() {
    passes("limits --workers 4 --items 1000 --faults 30");
}

#[test]
fn shutdowns_lose_nothing_and_leave_nothing() {
    passes("shutdown --workers 3 --items 700 --faults 10");
}

#[test]
fn a_bad_network_loses_nothing_and_doubles_nothing() {
    passes("network --workers 3 --items 200 --faults 1");
}

#[test]
fn a_failover_loses_nothing_and_doubles_nothing() {
    passes("failover --workers 3 --items 300 --faults 1");
}
