//! Random bytes and random accounts: always a clean error, never a change. And the real price account of mainnet.

use anyhow::{Context, Result};
use plimsoll::errors::PlimsollError as E;
use plimsoll_replay::world::pyth;
use plimsoll_sdk::build;
use plimsoll_sdk::PROGRAM_ID;
use plimsoll_tests::attempts::*;
use plimsoll_tests::reject::{refused, snapshot, Attempt, Make, Refusal};
use plimsoll_tests::scene::Scene;
use pyth_solana_receiver_sdk::price_update::VerificationLevel;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use solana_account::Account;
use solana_instruction::{AccountMeta, Instruction};
use solana_pubkey::Pubkey;
use solana_signer::Signer;
use solana_transaction::{InstructionError, TransactionError};
use std::path::PathBuf;

/// Transactions of each kind of garbage.
const ROUNDS: usize = 400;

/// First eight bytes of every instruction, and how many bytes of arguments its valid form has.
fn shapes(scene: &mut Scene) -> Vec<Instruction> {
    let valid: [Make; 16] = [
        |s| initialize(s, |_| {}),
        |s| list_market(s, |_| {}),
        |s| list_collateral(s, |_| {}),
        |s| group(s, |_| {}),
        open,
        |s| deposit(s, 1),
        |s| bring(s, 1),
        good_withdrawal,
        |s| take(s, 1),
        good_order,
        good_cancel,
        slice,
        flag,
        good_conversion,
        |s| resolve(s, debtor),
        |s| insure(s, 1),
    ];
    valid.iter().map(|make| make(scene).instructions.remove(0)).collect()
}

/// Sends one instruction, paid by the stranger. A fault, if it is anything but a clean refusal without a change or a plain success.
fn fault(scene: &mut Scene, round: usize, instruction: Instruction, is_success_fine: bool) -> Option<String> {
    let stranger = scene.stranger.insecure_clone();
    let before = snapshot(&scene.world);
    let saved = scene.world.svm.clone();
    let outcome = Attempt::of(instruction, &[&stranger]).send(&mut scene.world);
    let fault = match outcome {
        Ok(()) if is_success_fine => plimsoll_tests::check(&scene.world).err().map(|broken| format!("round {round}: {broken}")),
        Ok(()) => Some(format!("round {round}: garbage is accepted")),
        Err((TransactionError::InstructionError(_, InstructionError::ProgramFailedToComplete), log)) => {
            Some(format!("round {round}: panic\n{log}"))
        }
        Err((TransactionError::InstructionError(..), _)) => {
            (snapshot(&scene.world) != before).then(|| format!("round {round}: refused with a change"))
        }
        Err((error, log)) => Some(format!("round {round}: {error:?}\n{log}")),
    };
    scene.world.svm = saved;
    fault
}

fn pick<T: Clone>(random: &mut ChaCha8Rng, from: &[T]) -> T {
    from[random.next_u32() as usize % from.len()].clone()
}

fn noise(random: &mut ChaCha8Rng, longest: usize) -> Vec<u8> {
    let mut bytes = vec![0; random.next_u32() as usize % (longest + 1)];
    random.fill_bytes(&mut bytes);
    bytes
}

/// Up to twelve accounts of the world in any order, none of which signs but the payer.
fn random_accounts(random: &mut ChaCha8Rng, keys: &[Pubkey], payer: &Pubkey) -> Vec<AccountMeta> {
    let count = random.next_u32() % 13;
    let meta = |random: &mut ChaCha8Rng| {
        let pubkey = if random.next_u32().is_multiple_of(8) { *payer } else { pick(random, keys) };
        AccountMeta { pubkey, is_signer: pubkey == *payer, is_writable: random.next_u32().is_multiple_of(2) }
    };
    (0..count).map(|_| meta(random)).collect()
}

#[test]
fn garbage_is_refused_cleanly() -> Result<()> {
    let mut scene = failing()?;
    let shapes = shapes(&mut scene);
    let keys: Vec<Pubkey> = snapshot(&scene.world).into_keys().chain([PROGRAM_ID, Pubkey::default()]).collect();
    let payer = scene.stranger.pubkey();
    let mut random = ChaCha8Rng::seed_from_u64(2);
    let mut faults = Vec::new();
    for round in 0..ROUNDS {
        // No instruction at all.
        let accounts = random_accounts(&mut random, &keys, &payer);
        let nonsense = Instruction { program_id: PROGRAM_ID, accounts, data: noise(&mut random, 300) };
        faults.extend(fault(&mut scene, round, nonsense, false));
        // An instruction with any arguments and any accounts.
        let accounts = random_accounts(&mut random, &keys, &payer);
        let mut data = pick(&mut random, &shapes).data[..8].to_vec();
        data.extend(noise(&mut random, 160));
        faults.extend(fault(&mut scene, round, Instruction { program_id: PROGRAM_ID, accounts, data }, true));
        // A valid instruction whose arguments are noise or cut short; who has to sign it is somebody else, who may.
        let mut damaged = pick(&mut random, &shapes);
        if damaged.data.len() > 8 {
            if random.next_u32().is_multiple_of(4) {
                damaged.data.truncate(8 + random.next_u32() as usize % (damaged.data.len() - 8));
            } else {
                random.fill_bytes(&mut damaged.data[8..]);
            }
        }
        for meta in damaged.accounts.iter_mut().filter(|meta| meta.is_signer) {
            meta.pubkey = payer;
        }
        faults.extend(fault(&mut scene, round, damaged, true));
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    Ok(())
}

/// Arguments of the right length, signed by who may: only the numbers are noise.
#[test]
fn random_numbers_of_the_owner_break_nothing() -> Result<()> {
    let mut scene = failing()?;
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let makers: [Make; 9] = [
        good_order,
        |s| deposit(s, 1),
        good_withdrawal,
        |s| bring(s, 1),
        |s| take(s, 1),
        good_cancel,
        slice,
        good_conversion,
        |s| list_market(s, |_| {}),
    ];
    let mut accepted = 0;
    for round in 0..ROUNDS {
        let mut attempt = makers[round % makers.len()](&mut scene);
        let last = &mut attempt.instructions[0].data;
        // Numbers at their edges are likelier to be wrong than any others.
        for chunk in last[8..].chunks_mut(8) {
            let edge = pick(&mut random, &[0, 1, u64::MAX, 1 << 63, (1 << 63) - 1, 1 << 30, (1 << 30) + 1, 2_001_000, 100]);
            if random.next_u32().is_multiple_of(2) {
                chunk.copy_from_slice(&edge.to_le_bytes()[..chunk.len()]);
            }
        }
        let before = snapshot(&scene.world);
        let saved = scene.world.svm.clone();
        match attempt.send(&mut scene.world) {
            Ok(()) => {
                accepted += 1;
                plimsoll_tests::check(&scene.world).with_context(|| format!("round {round}"))?;
            }
            Err((TransactionError::InstructionError(_, error), log)) => {
                assert_ne!(error, InstructionError::ProgramFailedToComplete, "round {round}: {log}");
                assert!(snapshot(&scene.world) == before, "round {round}: refused with a change");
            }
            Err((error, log)) => panic!("round {round}: {error:?}\n{log}"),
        }
        scene.world.svm = saved;
    }
    assert!(accepted > 0, "every number is refused: the test tries nothing");
    Ok(())
}

/// Bytes of an account of the receiver on mainnet, if the data folder is there.
fn real_account() -> Option<(Vec<u8>, serde_json::Value)> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let folder = std::env::var_os("PLIMSOLL_DATA").map_or_else(beside, PathBuf::from);
    let text = std::fs::read_to_string(folder.join("fixtures/pyth_real.json")).ok()?;
    let fixtures: serde_json::Value = serde_json::from_str(&text).expect("fixtures");
    let real = &fixtures["price_update_v2_account"];
    Some((base64(real["base64"].as_str().expect("bytes")), real["expect"].clone()))
}

/// Standard alphabet, padded.
fn base64(text: &str) -> Vec<u8> {
    let value = |symbol: u8| match symbol {
        b'A'..=b'Z' => u32::from(symbol - b'A'),
        b'a'..=b'z' => u32::from(symbol - b'a') + 26,
        b'0'..=b'9' => u32::from(symbol - b'0') + 52,
        b'+' => 62,
        _ => 63,
    };
    let symbols: Vec<u8> = text.bytes().filter(|symbol| *symbol != b'=').collect();
    let group = |group: &[u8]| {
        let bits = group.iter().fold(0, |bits, symbol| bits << 6 | value(*symbol)) << (6 * (4 - group.len()));
        bits.to_be_bytes()[1..group.len()].to_vec()
    };
    symbols.chunks(4).flat_map(group).collect()
}

#[test]
fn the_real_price_account_is_read_as_it_is() -> Result<()> {
    let Some((bytes, expect)) = real_account() else {
        println!("NOT CHECKED, NO DATA: fixtures/pyth_real.json is in neither PLIMSOLL_DATA nor ../shared/data");
        return Ok(());
    };
    let number = |name: &str| expect[name].as_i64().expect("number");
    let publish = number("publish_time");
    let mut scene = Scene::calm()?;
    let mut feed = [0; 32];
    let hex = expect["feed_id"].as_str().expect("feed");
    for (index, byte) in feed.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[2 * index..2 * index + 2], 16)?;
    }
    // What the tests write is laid out as what the receiver writes: all but the authority, the averages and the slot.
    let update = pyth::Update {
        feed,
        price: number("price"),
        confidence: u64::try_from(number("conf"))?,
        exponent: i32::try_from(number("exponent"))?,
        publish,
        previous: number("prev_publish_time"),
        level: VerificationLevel::Full,
        owner: pyth::RECEIVER,
    };
    let ours = update.bytes(u64::try_from(number("posted_slot"))?)?;
    assert_eq!((bytes.len(), ours.len()), (134, 134));
    assert_eq!(bytes[..8], ours[..8], "discriminator");
    assert_eq!(bytes[40..109], ours[40..109], "verification, feed, price, confidence, exponent, publish time, previous publish time");
    assert_eq!(bytes[125..133], ours[125..133], "slot");

    let key = scene.world.new_key().pubkey();
    let lamports = scene.world.svm.minimum_balance_for_rent_exemption(bytes.len());
    let account = Account { lamports, data: bytes, owner: pyth::RECEIVER, executable: false, rent_epoch: u64::MAX };
    scene.world.svm.set_account(key, account).expect("account");
    let wrong_feed = Attempt::of(build::update_market(scene.keys(0).market, key), &[&scene.stranger]);
    let error = refused(&mut scene.world, "real price in a market of another feed", &wrong_feed).map_err(anyhow::Error::msg)?;
    assert_eq!(error, Refusal::Program(E::PriceWrongFeed).error());

    // A market of that feed takes it, to the atom, when its time has not passed; a market that knows a newer price is not changed by it.
    let list = list_market(&mut scene, |market| market.feed = feed);
    done(&mut scene, list);
    let market = plimsoll_sdk::address::market(&scene.world.exchange, 3);
    let first = Attempt::of(build::update_market(market, key), &[&scene.stranger]);
    done(&mut scene, first);
    let state: plimsoll_sdk::state::Market = scene.world.read(&market).context("listed")?;
    // 10^-8 dollars a SOL to atoms a hundredth of it: a ten-thousandth, to the nearest.
    assert_eq!((state.oracle.price, state.oracle.publish), ((update.price + 5_000) / 10_000, publish));
    let before = snapshot(&scene.world);
    scene.world.pass(30);
    let again = Attempt::of(build::update_market(market, key), &[&scene.stranger]);
    done(&mut scene, again);
    assert!(snapshot(&scene.world) == before, "an update that is not newer has an effect");
    // It is years old: nothing is traded on it.
    let keys = build::MarketKeys { market, book: Pubkey::new_from_array(state.book.to_bytes()) };
    let args = plimsoll_tests::order(plimsoll_tests::BUY, plimsoll_tests::IOC, 1_346_000, 100);
    let keeper = &scene.keeper;
    let trade =
        Attempt::of(build::place_order(keeper.owner.pubkey(), keeper.account, keys, args, &scene.portfolio(keeper), &[]), &[&keeper.owner]);
    let error = refused(&mut scene.world, "order on the real price", &trade).map_err(anyhow::Error::msg)?;
    assert_eq!(error, Refusal::Program(E::PriceConditionRefused).error());
    Ok(())
}
