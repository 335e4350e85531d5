//! `make demo`: an engine on an empty data folder, two tenants, three components, a company of 1,000 people, two
//! provisioning runs, and a check that every number is the expected one.

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a demo talks to the person in front of it")]

mod check;
mod stage;
mod tenants;

use gangway_company::{Company, DEMO, DEMO_MONTH};
use gangway_kit::{Engine, EngineOptions};
use stage::Stage;
use std::time::Instant;

const SEED: u64 = 7;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let started = Instant::now();
    println!(
        "Gangway demo: CSV files → a tenant's directory → the directory of another tenant, over SCIM 2.0\n"
    );
    // Who only wants the numbers need not wait for the compiler.
    let warm = std::env::args().any(|argument| argument == "--warm");
    let options = EngineOptions { cold: !warm, ..EngineOptions::default() };
    let engine = Engine::start_with(options).await?;
    println!("engine      {}  (data in an empty temporary folder)", engine.url());
    let stage = Stage::set(&engine)?;
    let first = Company::new(DEMO, SEED);
    let later = first.a_month_later(DEMO_MONTH, SEED);

    println!("\nThe components are loaded into the running engine, then the systems are made:\n");
    stage.prepare()?;
    tenants::own_person(&stage).await?;

    println!("\n━━ First day: 1,000 rows of people, 60 teams ━━\n");
    stage.write(&first)?;
    let mut all_as_expected = check::run(&stage, None, &first).await?;
    all_as_expected &= tenants::apart(&stage, &first).await?;

    println!(
        "\n━━ A month later: {} joiners, {} movers, {} leavers, and the damaged rows repaired ━━\n",
        DEMO_MONTH.joiners, DEMO_MONTH.movers, DEMO_MONTH.leavers
    );
    stage.write(&later)?;
    all_as_expected &= check::run(&stage, Some(&first), &later).await?;
    all_as_expected &= tenants::apart(&stage, &later).await?;

    println!("\n━━ Where to look next ━━\n");
    println!("  README.md               the same with a real LDAP server and a real SCIM target");
    println!("  docs/architecture.md    the house in one page");
    println!("  docs/directory.md       the directory that both tenants used");
    println!("  docs/plugins.md         your own connector in ten minutes");
    println!("  gangway serve --help    an engine of your own");
    println!("\ntook {:.1} s", started.elapsed().as_secs_f64());
    anyhow::ensure!(all_as_expected, "some numbers are not the expected ones (marked ✗ above)");
    Ok(())
}
