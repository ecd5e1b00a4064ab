//! A load generator: how fast is this on your machine, and is each item really run once?
//!
//! ```text
//! cargo run --release --example load -- worker --n 100000
//! cargo run --release --example load -- worker --n 100000 --config lean --conc 1000
//! cargo run --release --example load -- latency --n 500
//! cargo run --release --example load -- --help
//! ```
//!
//! One command a run; its numbers are one line of JSON. Without `--db` it starts a private
//! PostgreSQL which is as durable as a real one. With `--db` it uses a database of yours: give it one
//! of its own, because it deletes what is left of earlier runs.
//!
//! Every run counts what was executed, looks at what the database holds afterwards, and fails when
//! an item was lost, ran twice, or is not kept as it should be.

mod cost;
mod drain;
mod enqueue;
mod fill;
mod functions;
mod hand;
mod idle;
mod latency;
mod options;
mod place;
mod remote;
mod tally;
mod verdict;
mod waiting;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use serde_json::{Value, json};

use crate::options::{Command, Options};
use crate::place::Place;

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options).await {
        Ok(numbers) => {
            println!("{numbers}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<Value> {
    let mut place = Place::open(options).await?;
    match options.command {
        // Connecting has migrated the schema.
        Command::Setup => Ok(json!({})),
        Command::EnqueueOne => enqueue::one_by_one(&mut place, options).await,
        Command::EnqueueBatch => enqueue::in_batches(&mut place, options).await,
        Command::Prefill => fill::prefill(&mut place, options).await,
        Command::Fill => fill::fill(&mut place, options).await,
        Command::Worker => drain::run(&mut place, options).await,
        Command::Latency => latency::run(&mut place, options).await,
        Command::Hand => hand::run(&mut place, options).await,
        Command::Idle => idle::run(&mut place, options).await,
        Command::Waiting => waiting::run(&mut place, options).await,
        Command::Serve => remote::serve(&place, options).await,
        Command::Occupy => remote::occupy(&place).await,
    }
}
