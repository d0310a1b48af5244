//! Numbered, idempotent steps that bring a clearing house into being over RPC, from a committed description of what it should be.
//!
//! Every step looks at the chain first and sends only what is missing, so that a run that failed is resumed by running it again, and a run
//! after a complete one sends nothing. A step never changes what it finds: something that exists and differs from the description is an error
//! that says so, because parameters of a live exchange change by governance (RULES 9) and not by a deployment.

pub mod cluster;
pub mod command;
pub mod deployment;
pub mod loader;
mod steps;

pub use cluster::Cluster;
pub use deployment::{Addresses, Deployment, Keys};

use anyhow::{bail, Context as _, Result};

/// What a step works on.
pub struct Context<'a> {
    /// The chain.
    pub cluster: &'a Cluster,
    /// What should be there.
    pub deployment: &'a Deployment,
    /// Who signs.
    pub keys: &'a Keys,
    /// The compiled program.
    pub program: &'a [u8],
}

impl Context<'_> {
    /// Where everything is.
    pub fn addresses(&self) -> Result<Addresses> {
        self.deployment.addresses(&self.keys.governor_key())
    }
}

/// What a step found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// All of it is there.
    Complete,
    /// This is missing.
    Missing(String),
}

/// One numbered step.
pub trait Step {
    /// Its number and name, such as "003 exchange".
    fn name(&self) -> &'static str;

    /// Looks at the chain. Errors: something is there that differs from the description.
    fn look(&self, context: &Context) -> Result<Found>;

    /// Sends what is missing.
    fn apply(&self, context: &Context) -> Result<()>;
}

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Name of the step.
    pub step: &'static str,
    /// What was missing before it ran; nothing if it had nothing to do.
    pub was_missing: Option<String>,
}

/// Runs every step in order. The first that fails ends the run; those before it stand.
pub fn run(context: &Context) -> Result<Vec<Outcome>> {
    run_through(context, usize::MAX)
}

/// Runs the first `count` steps.
pub fn run_through(context: &Context, count: usize) -> Result<Vec<Outcome>> {
    let mut outcomes = Vec::new();
    for step in steps::all().into_iter().take(count) {
        let name = step.name();
        let was_missing = match step.look(context).with_context(|| format!("step {name}"))? {
            Found::Complete => None,
            Found::Missing(what) => {
                step.apply(context).with_context(|| format!("step {name}, which lacked {what}"))?;
                if let Found::Missing(what) = step.look(context)? {
                    bail!("step {name} went through, but {what} is still missing");
                }
                Some(what)
            }
        };
        outcomes.push(Outcome { step: name, was_missing });
    }
    Ok(outcomes)
}

/// What every step would do now, without sending anything.
pub fn check(context: &Context) -> Result<Vec<Outcome>> {
    let look = |step: Box<dyn Step>| {
        let found = step.look(context).with_context(|| format!("step {}", step.name()))?;
        let was_missing = match found {
            Found::Complete => None,
            Found::Missing(what) => Some(what),
        };
        Ok(Outcome { step: step.name(), was_missing })
    };
    steps::all().into_iter().map(look).collect()
}
