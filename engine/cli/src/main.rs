//! The gangway program: `gangway serve` is the engine; every other command talks to a running one
//! over its HTTP API, or works on plugin files.

#![forbid(unsafe_code)]

mod client;
mod clock;
mod commands;
mod memory;
mod output;
mod progress;

use clap::{Parser, Subcommand};
use client::Client;
use commands::{
    directory, job, notification, plan, plugin, relation, schedule, serve, system, tenant, transformation,
    why,
};
use std::process::ExitCode;

/// Identity provisioning: people come aboard and go ashore, and every system knows it.
#[derive(Parser)]
#[command(name = "gangway", version, propagate_version = true, max_term_width = 100)]
struct Arguments {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    command: Command,
}

/// Which engine, as whom, for which tenant.
#[derive(clap::Args)]
struct Connection {
    /// Where the engine listens.
    #[arg(long, global = true, env = "GANGWAY_URL", default_value = "http://127.0.0.1:8400")]
    url: String,
    /// The API token that `gangway serve` showed at its first start.
    #[arg(long, global = true, env = "GANGWAY_TOKEN", hide_env_values = true, default_value = "")]
    token: String,
    /// The tenant.
    #[arg(long, short = 't', global = true, env = "GANGWAY_TENANT", default_value = "main")]
    tenant: String,
    /// Print what the engine answers, as JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Run the engine.
    Serve(serve::Serve),
    /// Tenants of the engine.
    #[command(subcommand)]
    Tenant(tenant::Tenant),
    /// Connectors and transformations: load, swap, check, write your own.
    #[command(subcommand)]
    Plugin(plugin::Plugin),
    /// Source and target systems.
    #[command(subcommand)]
    System(system::System),
    /// Provisioning runs.
    #[command(subcommand)]
    Job(job::Job),
    /// Recurring jobs.
    #[command(subcommand)]
    Schedule(schedule::Schedule),
    /// Who is told about runs that fail, by mail or webhook.
    #[command(subcommand)]
    Notification(notification::Notification),
    /// Why an account was, or was not, created, changed or deleted.
    Why(why::Why),
    /// What simulations found: read it, agree to it, have it carried out.
    #[command(subcommand)]
    Plan(plan::Plan),
    /// Which entity of a target stands for which of a source.
    #[command(subcommand)]
    Relation(relation::Relation),
    /// The tenant's own directory of users and groups.
    #[command(subcommand)]
    Directory(directory::Directory),
    /// Transformations at the desk, without an engine: test, run, explain, lint.
    #[command(subcommand)]
    Transformation(transformation::Transformation),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if matches!(arguments.command, Command::Serve(_)) {
        memory::bound_arenas();
    }
    // The one TLS implementation of the process; a second call has no effect.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::complain(&format!("cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(arguments)) {
        Ok(code) => code,
        Err(error) => {
            output::complain(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Connection { url, token, tenant, json } = arguments.connection;
    let client = || Client::new(&url, &token, &tenant, json);
    match arguments.command {
        Command::Serve(command) => command.run().await,
        Command::Tenant(command) => command.run(&client()?).await,
        Command::Plugin(command) => command.run(client).await,
        Command::System(command) => command.run(&client()?).await,
        Command::Job(command) => command.run(&client()?).await,
        Command::Schedule(command) => command.run(&client()?).await,
        Command::Notification(command) => command.run(&client()?).await,
        Command::Why(command) => command.run(&client()?).await,
        Command::Plan(command) => command.run(&client()?).await,
        Command::Relation(command) => command.run(&client()?).await,
        Command::Directory(command) => command.run(&client()?).await,
        Command::Transformation(command) => command.run().await,
    }
}
