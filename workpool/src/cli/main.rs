//! The command line `workpool`: sees and steers the work in a database, without the application's
//! binary. Uses what everybody can use, `Workpool::inspect` above all.

mod args;
mod callbacks;
mod confirm;
mod connect;
mod dashboard;
mod doctor;
mod exit;
mod migrate;
mod output;
mod pools;
mod record;
mod show;
mod steer;
mod watch;
mod work;
mod workers;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::args::{Args, Command};
use crate::connect::inspector;
use crate::exit::{End, Failed};
use crate::output::Out;

fn main() -> ExitCode {
    // Ends with 2 by itself when the arguments make no sense.
    let args = Args::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return exit::failed(&Failed::Other(error.to_string())),
    };
    match runtime.block_on(run(args)) {
        Ok(end) => end.code(),
        Err(failed) => exit::failed(&failed),
    }
}

async fn run(args: Args) -> Result<End, Failed> {
    let Args { to, command } = args;
    let out = Out::new(to.json);
    match command {
        Command::Completions { shell } => {
            let mut command = Args::command();
            clap_complete::generate(shell, &mut command, "workpool", &mut std::io::stdout());
            Ok(End::Done)
        }
        Command::Migrate(migrate) => migrate::migrate(&to, &migrate, &out).await,
        Command::Status => pools::status(&inspector(&to).await?, &out).await,
        Command::Pools { pool } => pools::pools(&inspector(&to).await?, pool, &out).await,
        Command::Pause { pool } => steer::pause(&inspector(&to).await?, &pool, &out).await,
        Command::Resume { pool } => steer::resume(&inspector(&to).await?, &pool, &out).await,
        Command::Scale { pool, limit } => {
            steer::scale(&inspector(&to).await?, &pool, limit, &out).await
        }
        Command::Work(list) => work::list(&inspector(&to).await?, &list, &out).await,
        Command::Failures(list) => work::failures(&inspector(&to).await?, &list, &out).await,
        Command::Show { id } => show::show(&inspector(&to).await?, id, &out).await,
        Command::Why { id } => show::why(&inspector(&to).await?, id, &out).await,
        Command::Cancel(choice) => {
            steer::cancel(&inspector(&to).await?, &choice, to.yes, &out).await
        }
        Command::Retry(choice) => steer::retry(&inspector(&to).await?, &choice, to.yes, &out).await,
        Command::RunNow { id } => steer::run_now(&inspector(&to).await?, id, &out).await,
        Command::Prune(prune) => steer::prune(&inspector(&to).await?, &prune, to.yes, &out).await,
        Command::Callbacks { what } => callbacks::run(&inspector(&to).await?, what, &out).await,
        Command::Workers => workers::workers(&inspector(&to).await?, &out).await,
        Command::Watch { every } => watch::watch(&inspector(&to).await?, every, &out).await,
        Command::Dashboard(said) => dashboard::dashboard(&to, &said, &out).await,
        Command::Doctor => doctor::doctor(&inspector(&to).await?, &out).await,
        Command::Audit { limit } => record::audit(&inspector(&to).await?, limit, &out).await,
    }
}
