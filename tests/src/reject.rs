//! What a refusal must be: exactly the expected error, and not a byte changed.

use crate::scene::Scene;
use plimsoll::errors::PlimsollError;
use plimsoll_replay::world::{World, TOKEN_PROGRAM};
use plimsoll_sdk::PROGRAM_ID;
use solana_account::Account;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_transaction::{InstructionError, TransactionError};
use std::collections::BTreeMap;

/// Token-2022.
pub const TOKEN_2022: Pubkey = anchor_spl::token_2022::ID;

/// What refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The program, with one of its own numbers.
    Program(PlimsollError),
    /// The framework, the token program or the system program, with a number of theirs.
    Number(u32),
    /// A program or the machine, without a number.
    Unnumbered(InstructionError),
}

impl Refusal {
    /// As the machine reports it.
    pub fn error(&self) -> InstructionError {
        match self {
            Self::Program(error) => InstructionError::Custom(u32::from(*error)),
            Self::Number(number) => InstructionError::Custom(*number),
            Self::Unnumbered(error) => error.clone(),
        }
    }
}

/// A transaction before it is signed.
pub struct Attempt {
    /// Its instructions; the last one is the one under test.
    pub instructions: Vec<Instruction>,
    /// Who signs; the first pays.
    pub signers: Vec<Keypair>,
}

impl Attempt {
    /// One instruction.
    pub fn of(instruction: Instruction, signers: &[&Keypair]) -> Self {
        Self { instructions: vec![instruction], signers: signers.iter().map(|key| key.insecure_clone()).collect() }
    }

    /// Several instructions in one transaction.
    pub fn all(instructions: Vec<Instruction>, signers: &[&Keypair]) -> Self {
        Self { instructions, signers: signers.iter().map(|key| key.insecure_clone()).collect() }
    }

    /// Sends it. The error of the instruction that failed, and the log.
    pub fn send(&self, world: &mut World) -> Result<(), (TransactionError, String)> {
        let signers: Vec<&Keypair> = self.signers.iter().collect();
        world.svm.expire_blockhash();
        world.send(&self.instructions, &signers).map(drop).map_err(|refused| (refused.detail.err.clone(), refused.to_string()))
    }
}

/// Every account of the program and every token account and mint, whole.
pub fn snapshot(world: &World) -> BTreeMap<Pubkey, Account> {
    let owners = [PROGRAM_ID, TOKEN_PROGRAM, TOKEN_2022];
    owners.iter().flat_map(|owner| world.svm.get_program_accounts(owner)).collect()
}

/// Sends `attempt` and demands that it is refused with an instruction error and changes nothing. The error.
pub fn refused(world: &mut World, name: &str, attempt: &Attempt) -> Result<InstructionError, String> {
    let before = snapshot(world);
    let outcome = attempt.send(world);
    match outcome {
        Ok(()) => Err(format!("{name}: accepted")),
        Err((TransactionError::InstructionError(_, error), _)) => {
            let after = snapshot(world);
            let changed: Vec<_> = after.iter().filter(|(key, account)| before.get(*key) != Some(*account)).map(|(key, _)| *key).collect();
            if changed.is_empty() && before.len() == after.len() {
                Ok(error)
            } else {
                Err(format!("{name}: refused with {error:?}, but {changed:?} changed"))
            }
        }
        Err((error, log)) => Err(format!("{name}: not refused by a program but {error:?}\n{log}")),
    }
}

/// Makes a transaction on a scene.
pub type Make = fn(&mut Scene) -> Attempt;

/// A bad transaction, what must refuse it, and its valid twin, which differs in what the name says.
pub struct Row {
    /// What is wrong.
    pub name: &'static str,
    /// What refuses it.
    pub refusal: Refusal,
    /// Makes the bad transaction; may prepare the world.
    pub bad: Make,
    /// Makes the twin that must succeed; `None` only where no state accepts it.
    pub twin: Option<Make>,
}

/// A row with its valid twin.
pub fn row(name: &'static str, refusal: Refusal, bad: Make, twin: Make) -> Row {
    Row { name, refusal, bad, twin: Some(twin) }
}

/// Fails with every row that is not refused as it says; the number of rows otherwise.
pub fn check_rows(scene: &mut Scene, rows: &[Row]) -> usize {
    let faults = try_rows(scene, rows);
    assert!(faults.is_empty(), "{} of {} rows:\n{}", faults.len(), rows.len(), faults.join("\n"));
    rows.len()
}

/// Tries `rows`, each on the scene as it was at the beginning. What is wrong with them.
pub fn try_rows(scene: &mut Scene, rows: &[Row]) -> Vec<String> {
    let mut faults = Vec::new();
    let saved = (scene.world.svm.clone(), scene.world.now, scene.prices);
    for row in rows {
        let attempt = (row.bad)(scene);
        match refused(&mut scene.world, row.name, &attempt) {
            Ok(error) if error == row.refusal.error() => {}
            Ok(error) => {
                faults.push(format!("{}: refused with {error:?} instead of {:?} = {:?}", row.name, row.refusal, row.refusal.error()))
            }
            Err(fault) => faults.push(fault),
        }
        (scene.world.svm, scene.world.now, scene.prices) = (saved.0.clone(), saved.1, saved.2);
        if let Some(twin) = row.twin {
            let attempt = twin(scene);
            if let Err((error, log)) = attempt.send(&mut scene.world) {
                faults.push(format!("{}: the valid twin is refused: {error:?}\n{log}", row.name));
            } else if let Err(broken) = crate::check(&scene.world) {
                faults.push(format!("{}: the valid twin breaks a law: {broken}", row.name));
            }
            (scene.world.svm, scene.world.now, scene.prices) = (saved.0.clone(), saved.1, saved.2);
        }
    }
    faults
}
