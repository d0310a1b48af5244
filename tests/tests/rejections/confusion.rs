//! Account confusion: every account slot of every instruction, named or remaining, replaced by everything that it must not be.

use anyhow::Result;
use plimsoll::errors::PlimsollError as E;
use plimsoll_replay::world::World;
use plimsoll_sdk::state::{Collateral, Exchange, InsuranceFund, MarginAccount, Market, OrderBook};
use plimsoll_sdk::{address, decode, PROGRAM_ID};
use plimsoll_tests::attempts::*;
use plimsoll_tests::reject::{refused, snapshot, Attempt, Make};
use plimsoll_tests::scene::{funded, Scene};
use solana_account::Account;
use solana_pubkey::Pubkey;
use solana_signer::Signer;
use solana_transaction::InstructionError;
use std::collections::BTreeSet;

/// A valid transaction whose last instruction is confused, and the scene it is valid on.
pub(crate) type Case = (&'static str, fn() -> Result<Scene>, Make);

/// One for every instruction of the program.
pub(crate) const CASES: [Case; 43] = [
    ("initialize_exchange", Scene::calm, |s| initialize(s, |_| {})),
    ("create_market", Scene::calm, |s| list_market(s, |_| {})),
    ("create_collateral", Scene::calm, |s| list_collateral(s, |_| {})),
    ("create_group", Scene::calm, |s| group(s, |_| {})),
    ("collect_fees", Scene::calm, collect),
    ("open_account", Scene::calm, open),
    ("set_delegate", Scene::calm, |s| delegate(s, plimsoll_tests::USD)),
    ("close_account", Scene::calm, good_close),
    ("deposit", Scene::calm, |s| deposit(s, 1)),
    ("deposit_collateral", Scene::calm, |s| bring(s, 1)),
    ("withdraw", Scene::calm, good_withdrawal),
    ("withdraw_collateral", Scene::calm, |s| take(s, 1)),
    ("place_order", Scene::calm, good_order),
    ("cancel_order", Scene::calm, good_cancel),
    ("cancel_all", Scene::calm, cancel_all),
    ("update_market", Scene::calm, good_price),
    ("update_funding", Scene::calm, sample_funding),
    ("sweep_orders", Scene::calm, sweep),
    ("update_group", grouped, update_group),
    ("touch", Scene::calm, |s| touch(s, 0)),
    ("settle", Scene::calm, |s| settle(s, 0)),
    ("check_health", Scene::calm, check_health),
    ("advance_round", registering, advance_round),
    ("cancel_failing", failing, |s| cancel_failing(s, |s| &s.taker)),
    ("flag_liquidation", failing, flag),
    ("liquidate", failing, slice),
    ("convert_collateral", failing, good_conversion),
    ("settle_estate", failing, |s| estate(s, |s| &s.taker)),
    ("deleverage", ruined, |s| deleverage(s, debtor)),
    ("open_adl_round", ruined, |s| open_round(s, debtor)),
    ("register_candidate", ruined, |s| register(s, |s| &s.maker)),
    ("execute_adl", ruined, |s| execute(s, |s| &s.maker)),
    ("close_adl_round", ruined, close_round),
    ("resolve_bankruptcy", spent, |s| resolve(s, debtor)),
    ("fund_insurance", Scene::calm, |s| insure(s, 1)),
    ("request_withdrawal", settled_in, good_request),
    ("cancel_withdrawal", asked, take_back),
    ("process_withdrawal", granted, pay_out),
    ("begin_settling", silent, settle_market),
    ("pause", Scene::calm, pause),
    ("lift_pause", paused, lift),
    ("update_quote", Scene::calm, good_quote),
    ("set_quote_feed", Scene::calm, |s| name_feed(s, |_| {})),
];

/// What may stand in a slot, and why: instruction, slot, substitution (`*` for any), reason.
const ALLOWED: &[(&str, &str, &str, &str)] = &[
    ("initialize_exchange", "payer", "another signer", "anyone may pay the rent"),
    ("initialize_exchange", "quote_mint", "foreign mint", "an exchange of one's own may use any sound mint of six decimals"),
    ("create_market", "payer", "another signer", "anyone may pay the rent"),
    ("create_market", "book", "same owner, all zero", "a new book is just that"),
    ("create_collateral", "payer", "another signer", "anyone may pay the rent"),
    ("create_collateral", "market", "second market", "which market prices a token is the governor's decision"),
    ("create_group", "payer", "another signer", "anyone may pay the rent"),
    ("open_account", "payer", "another signer", "anyone may pay the rent"),
    ("deposit", "margin_account", "maker", "anyone may pay into any account"),
    ("withdraw", "to", "stranger's wallet", "the owner names who receives"),
    ("withdraw", "to", "insurance vault", "the owner names who receives; this is a gift to the fund's vault"),
    ("cancel_all", "margin_account", "foreign account", "the taker owns this account too"),
    ("set_delegate", "margin_account", "foreign account", "the taker owns this account too"),
    ("update_market", "market", "foreign market", "anyone updates any market of the feed"),
    ("update_market", "price_update", "same owner, cut by one", "the receiver's last byte is padding"),
    ("touch", "margin_account", "maker", "anyone touches any position"),
    ("settle", "margin_account", "maker", "anyone settles any account"),
    ("check_health", "margin_account", "maker", "anyone asks, and the maker has the same markets"),
    ("check_health", "margin_account", "foreign account", "anyone asks, and an account without positions needs no markets"),
    ("liquidate", "remaining 0", "*", "a maker that the book has no need of"),
    ("open_adl_round", "payer", "another signer", "anyone may pay the rent"),
    ("register_candidate", "keeper", "taker", "anyone may be paid"),
    ("register_candidate", "keeper", "maker", "anyone may be paid"),
    ("register_candidate", "keeper", "also slot 2", "the candidate may register itself"),
    ("request_withdrawal", "to", "stranger's wallet", "the owner names who receives"),
    ("request_withdrawal", "to", "insurance vault", "the owner names who receives; this is a gift to the fund's vault"),
    ("request_withdrawal", "program", "*", "the place of no collateral names the program already"),
    ("cancel_withdrawal", "program", "*", "the place of no collateral names the program already"),
    ("process_withdrawal", "program", "*", "the place of no collateral names the program already"),
    ("begin_settling", "market", "second market", "anyone settles any market whose feed is dead"),
    ("begin_settling", "market", "foreign market", "anyone settles any market whose feed is dead"),
    ("update_quote", "price_update", "same owner, cut by one", "the receiver's last byte is padding"),
    ("update_quote", "remaining 0", "second market", "any market of the exchange is brought to the charge"),
    ("update_quote", "remaining 0", "left out", "the price may come alone"),
    ("pause", "market", "second market", "the governor pauses any market of its own"),
    ("pause", "market", "this program", "the governor pauses withdrawals: that is what no market means"),
];

/// Refusals that are not about identity: the account is of the right type, but there is nothing to do with it.
const UNFIT: &[(&str, &str, E)] = &[
    ("collect_fees", "second market", E::NothingToSettle),
    ("cancel_order", "foreign account", E::OrderNotFound),
    ("sweep_orders", "*", E::NothingToSweep),
    ("place_order", "*", E::MissingMaker),
    ("touch", "*", E::NoPosition),
    ("settle", "second market", E::NoPosition),
    ("settle", "foreign account", E::NoPosition),
    ("settle", "foreign market", E::PriceConditionRefused),
    ("advance_round", "second market", E::RoundNotReady),
    ("advance_round", "foreign market", E::PriceConditionRefused),
    ("cancel_failing", "maker", E::NotLiquidatable),
    ("cancel_failing", "foreign account", E::NotLiquidatable),
    ("flag_liquidation", "second market", E::NoPosition),
    ("flag_liquidation", "maker", E::NoShortfallShown),
    ("liquidate", "maker", E::NotLiquidatable),
    ("liquidate", "also slot 7", E::NotLiquidatable),
    ("convert_collateral", "maker", E::NotLiquidatable),
    ("settle_estate", "maker", E::WrongState),
    ("settle_estate", "foreign account", E::WrongState),
    ("deleverage", "second market", E::NoPosition),
    ("deleverage", "foreign market", E::PriceConditionRefused),
    ("deleverage", "maker", E::NotBankrupt),
    ("deleverage", "foreign account", E::NoPosition),
    ("register_candidate", "also slot 3", E::NotACandidate),
    ("execute_adl", "*", E::NotACandidate),
    ("update_quote", "foreign exchange", E::NoQuoteFeed),
    ("resolve_bankruptcy", "taker", E::SettleEstateInstead),
    ("resolve_bankruptcy", "maker", E::SettleEstateInstead),
];

/// Slots of token accounts, mints and programs, which the token program and the machine check as well.
const TOKEN_SLOTS: [&str; 13] = [
    "payer",
    "quote_mint",
    "mint",
    "vault",
    "insurance_vault",
    "from",
    "to",
    "token_program",
    "program",
    "exchange",
    "insurance",
    "collateral",
    "owner",
];

/// Whether `error` says that the account in the slot is the wrong one.
fn is_about_identity(case: &str, slot: &str, what: &str, error: &InstructionError) -> bool {
    let unfit = |number: u32| {
        let is = |(name, with, error): &&(&str, &str, E)| *name == case && (*with == "*" || *with == what) && u32::from(*error) == number;
        UNFIT.iter().any(|entry| is(&entry))
    };
    match error {
        // The framework's constraints and account checks, and the program's errors of identity.
        InstructionError::Custom(2000..=3999 | 6100..=6199) => true,
        InstructionError::Custom(6200..=6203) => ["update_market", "update_quote"].contains(&case),
        // The token program: another mint, another owner.
        InstructionError::Custom(3 | 4) => TOKEN_SLOTS.contains(&slot),
        InstructionError::Custom(number) => unfit(*number),
        InstructionError::InvalidAccountData | InstructionError::UninitializedAccount | InstructionError::IncorrectProgramId => {
            TOKEN_SLOTS.contains(&slot)
        }
        // A call of this program to itself finds no program to call.
        InstructionError::MissingAccount => slot == "program",
        // What is created must be writable.
        InstructionError::PrivilegeEscalation => what == "read-only",
        // The same account twice.
        InstructionError::AccountBorrowFailed => what.starts_with("also slot") || what.starts_with("first") || what == "taker",
        _ => false,
    }
}

/// An account that stands in for the one in a slot.
struct Substitute {
    name: String,
    key: Pubkey,
}

/// Accounts of every type, to be mistaken for each other.
struct Cast {
    ours: Vec<(&'static str, &'static [u8], Pubkey)>,
    others: Vec<(&'static str, Pubkey)>,
}

impl Cast {
    fn of(scene: &mut Scene) -> Self {
        let exchange = scene.world.exchange;
        let nobody = scene.world.new_key().pubkey();
        let foreign = &scene.foreign;
        let ours = vec![
            ("exchange", Exchange::TAG.as_slice(), exchange),
            ("foreign exchange", Exchange::TAG, foreign.exchange),
            ("first market", Market::TAG, scene.keys(0).market),
            ("second market", Market::TAG, scene.keys(1).market),
            ("foreign market", Market::TAG, foreign.market.market),
            ("taker", MarginAccount::TAG, scene.taker.account),
            ("maker", MarginAccount::TAG, scene.maker.account),
            ("foreign account", MarginAccount::TAG, foreign.account),
            ("collateral", Collateral::TAG, scene.collateral),
            ("foreign collateral", Collateral::TAG, foreign.collateral),
            ("fund", InsuranceFund::TAG, address::insurance(&exchange)),
            ("foreign fund", InsuranceFund::TAG, address::insurance(&foreign.exchange)),
            ("first book", OrderBook::TAG, scene.keys(0).book),
            ("second book", OrderBook::TAG, scene.keys(1).book),
            ("foreign book", OrderBook::TAG, foreign.market.book),
        ];
        let others = vec![
            ("nobody", nobody),
            ("person", scene.stranger.pubkey()),
            ("quote mint", scene.world.quote.mint),
            ("collateral mint", scene.token.mint),
            ("foreign mint", foreign.quote.mint),
            ("vault", address::vault(&exchange)),
            ("foreign vault", address::vault(&foreign.exchange)),
            ("insurance vault", address::insurance_vault(&exchange)),
            ("collateral vault", address::collateral_vault(&scene.collateral)),
            ("stranger's wallet", scene.stranger_wallet),
            ("collateral wallet", scene.token_wallet),
            ("second price", scene.world.markets[1].price_account),
            ("token program", plimsoll_replay::world::TOKEN_PROGRAM),
            ("token-2022 program", plimsoll_tests::reject::TOKEN_2022),
            ("this program", PROGRAM_ID),
        ];
        Self { ours, others }
    }

    /// Everything that is not the account at `key`, doctored copies of it included.
    fn substitutes(&self, world: &mut World, key: &Pubkey) -> Vec<Substitute> {
        let ours = self.ours.iter().map(|(name, _, key)| (*name, *key));
        let all = ours.chain(self.others.iter().copied()).filter(|(_, other)| other != key);
        let mut found: Vec<Substitute> = all.map(|(name, key)| Substitute { name: name.to_string(), key }).collect();
        let Some(account) = world.svm.get_account(key).filter(|account| !account.data.is_empty() && !account.executable) else {
            return found;
        };
        let mut add = |name: &str, account: Account| {
            let key = world.new_key().pubkey();
            world.svm.set_account(key, account).expect("account");
            found.push(Substitute { name: name.to_string(), key });
        };
        add("same bytes, another owner", Account { owner: Pubkey::new_from_array([3; 32]), ..account.clone() });
        add("same owner, all zero", Account { data: vec![0; account.data.len()], ..account.clone() });
        add("same owner, no bytes", Account { data: Vec::new(), ..account.clone() });
        add("same owner, cut after the type", Account { data: account.data[..8.min(account.data.len())].to_vec(), ..account.clone() });
        add("same owner, cut by one", Account { data: account.data[..account.data.len() - 1].to_vec(), ..account });
        found
    }
}

/// Names of an instruction's accounts, from the interface description.
fn slot_names(instruction: &str) -> Vec<String> {
    let idl: serde_json::Value = serde_json::from_str(include_str!("../../../idl/plimsoll.json")).expect("description");
    let all = idl["instructions"].as_array().expect("instructions");
    let of = all.iter().find(|entry| entry["name"] == instruction).expect("instruction");
    of["accounts"].as_array().expect("accounts").iter().map(|account| account["name"].as_str().unwrap_or("").to_string()).collect()
}

/// What is tried on one case.
struct Trial<'a> {
    name: &'static str,
    scene: &'a mut Scene,
    refusals: usize,
    allowed: BTreeSet<usize>,
    faults: Vec<String>,
}

impl Trial<'_> {
    fn attempt(&mut self, slot: &str, what: &str, attempt: &Attempt) {
        let saved = self.scene.world.svm.clone();
        let name = format!("{}.{slot} = {what}", self.name);
        match refused(&mut self.scene.world, &name, attempt) {
            Ok(error) => {
                self.refusals += 1;
                if !is_about_identity(self.name, slot, what, &error) {
                    self.faults.push(format!("{name}: refused for another reason: {error:?}"));
                }
            }
            Err(fault) if fault.ends_with("accepted") => {
                let is = |(case, place, with, _): &&(&str, &str, &str, &str)| {
                    *case == self.name && *place == slot && (*with == "*" || *with == what)
                };
                match ALLOWED.iter().position(|entry| is(&entry)) {
                    Some(entry) => drop(self.allowed.insert(entry)),
                    None => self.faults.push(fault),
                }
            }
            Err(fault) => self.faults.push(fault),
        }
        self.scene.world.svm = saved;
    }
}

/// The case's attempt with its fee paid by somebody who is in no slot.
fn paid_apart(scene: &mut Scene, make: Make) -> Attempt {
    let mut attempt = make(scene);
    let payer = funded(&mut scene.world);
    attempt.signers.insert(0, payer);
    trimmed(attempt)
}

/// Without the keys that need not sign any more; the first one pays.
fn trimmed(mut attempt: Attempt) -> Attempt {
    let metas = attempt.instructions.iter().flat_map(|instruction| &instruction.accounts);
    let needed: BTreeSet<Pubkey> = metas.filter(|meta| meta.is_signer).map(|meta| meta.pubkey).collect();
    let payer = attempt.signers[0].pubkey();
    attempt.signers.retain(|key| key.pubkey() == payer || needed.contains(&key.pubkey()));
    attempt
}

fn confuse(trial: &mut Trial<'_>, make: Make) {
    let good = paid_apart(trial.scene, make);
    let saved = trial.scene.world.svm.clone();
    if let Err((error, log)) = good.send(&mut trial.scene.world) {
        trial.faults.push(format!("{}: the valid one is refused: {error:?}\n{log}", trial.name));
    }
    trial.scene.world.svm = saved;
    let cast = Cast::of(trial.scene);
    let last = good.instructions.len() - 1;
    let metas = good.instructions[last].accounts.clone();
    let names = slot_names(trial.name);
    for (index, meta) in metas.iter().enumerate() {
        let slot = names.get(index).cloned().unwrap_or_else(|| format!("remaining {}", index - names.len()));
        let vary = |change: &dyn Fn(&mut solana_instruction::AccountMeta)| {
            let mut attempt = Attempt::all(good.instructions.clone(), &good.signers.iter().collect::<Vec<_>>());
            change(&mut attempt.instructions[last].accounts[index]);
            trimmed(attempt)
        };
        if meta.is_writable && !metas.iter().enumerate().any(|(other, twin)| other != index && twin.pubkey == meta.pubkey) {
            trial.attempt(&slot, "read-only", &vary(&|meta| meta.is_writable = false));
        }
        if meta.is_signer {
            trial.attempt(&slot, "unsigned", &vary(&|meta| meta.is_signer = false));
            let other = funded(&mut trial.scene.world);
            let mut attempt = vary(&|meta| meta.pubkey = other.pubkey());
            attempt.signers.push(other);
            trial.attempt(&slot, "another signer", &attempt);
            continue;
        }
        for substitute in cast.substitutes(&mut trial.scene.world, &meta.pubkey) {
            trial.attempt(&slot, &substitute.name, &vary(&|meta| meta.pubkey = substitute.key));
        }
        for (other, twin) in metas.iter().enumerate().filter(|(other, twin)| *other != index && twin.pubkey != meta.pubkey) {
            let name = format!("also slot {other}");
            trial.attempt(&slot, &name, &vary(&|meta| meta.pubkey = twin.pubkey));
        }
    }
    for index in (0..metas.len()).rev() {
        let slot = names.get(index).cloned().unwrap_or_else(|| format!("remaining {}", index - names.len()));
        let mut attempt = Attempt::all(good.instructions.clone(), &good.signers.iter().collect::<Vec<_>>());
        attempt.instructions[last].accounts.remove(index);
        if !metas[index].is_signer {
            trial.attempt(&slot, "left out", &trimmed(attempt));
        }
    }
}

#[test]
fn no_account_passes_for_another() -> Result<()> {
    let (mut refusals, mut allowed, mut faults) = (0, BTreeSet::new(), Vec::new());
    for (name, scene, make) in CASES {
        let mut scene = scene()?;
        let mut trial = Trial { name, scene: &mut scene, refusals: 0, allowed: BTreeSet::new(), faults: Vec::new() };
        confuse(&mut trial, make);
        refusals += trial.refusals;
        allowed.append(&mut trial.allowed);
        faults.append(&mut trial.faults);
    }
    println!("{refusals} confusions refused, {} allowed for a reason", ALLOWED.len());
    let idle = ALLOWED.iter().enumerate().filter(|(index, _)| !allowed.contains(index));
    faults.extend(idle.map(|(_, entry)| format!("{entry:?} is on the list but refused")));
    assert!(faults.is_empty(), "{} of them:\n{}", faults.len(), faults.join("\n"));
    assert!(refusals > 5_000);
    Ok(())
}

/// Counter of changes in the bytes of a market or a margin account; `None` for anything else.
fn sequence(data: &[u8]) -> Option<u64> {
    let market = decode::layout::<Market>(data).map(|market| market.sequence);
    market.or_else(|| decode::layout::<MarginAccount>(data).map(|account| account.sequence))
}

/// Whoever follows accounts by their sequence misses nothing: every change of a market or a margin account by any instruction is counted.
#[test]
fn every_change_is_counted() -> Result<()> {
    let (mut faults, mut markets, mut accounts) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for (name, scene, make) in CASES {
        let mut scene = scene()?;
        let attempt = make(&mut scene);
        let before = snapshot(&scene.world);
        done(&mut scene, attempt);
        let after = snapshot(&scene.world);
        for (key, is) in after.iter().filter(|(key, _)| before.contains_key(*key)) {
            let was = &before[key];
            let Some((old, new)) = sequence(&was.data).zip(sequence(&is.data)) else { continue };
            if was.data == is.data {
                continue;
            }
            if is.data.starts_with(Market::TAG) { &mut markets } else { &mut accounts }.insert(name);
            if new <= old {
                faults.push(format!("{name} changes {key} without counting"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    println!("markets are changed by {markets:?}, margin accounts by {accounts:?}");
    assert!(markets.len() >= 14 && accounts.len() >= 16, "{} {}", markets.len(), accounts.len());
    Ok(())
}

#[test]
fn every_instruction_is_confused() {
    let idl: serde_json::Value = serde_json::from_str(include_str!("../../../idl/plimsoll.json")).expect("description");
    let all: BTreeSet<&str> =
        idl["instructions"].as_array().expect("instructions").iter().filter_map(|entry| entry["name"].as_str()).collect();
    let tried: BTreeSet<&str> = CASES.iter().map(|(name, ..)| *name).collect();
    assert_eq!(all, tried);
}
