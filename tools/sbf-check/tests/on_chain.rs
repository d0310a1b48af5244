//! The compiled program against the same source on the host.
use litesvm::{types::TransactionResult, LiteSVM};
use sbf_check::{cases, command, RECORD_BYTES};
use solana_account::Account;
use solana_compute_budget::compute_budget::ComputeBudget;
use solana_instruction::{AccountMeta, Instruction};
use solana_keypair::Keypair;
use solana_message::{Message, VersionedMessage};
use solana_pubkey::Pubkey;
use solana_signer::Signer;
use solana_transaction::versioned::VersionedTransaction;
use std::path::Path;

/// Records evaluated in one transaction.
const BATCH: usize = 1024;

/// The program in a chain of its own.
struct Chain {
    svm: LiteSVM,
    payer: Keypair,
    program: Pubkey,
    account: Pubkey,
}

impl Chain {
    fn new() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/deploy/sbf_check.so");
        assert!(path.exists(), "{} is missing: `cargo xtask test` makes it", path.display());
        // The case table is far larger than what a transaction may compute; correctness does not depend on the limit.
        let budget = ComputeBudget { compute_unit_limit: 1_000_000_000, ..ComputeBudget::new_with_defaults(false) };
        let mut svm = LiteSVM::new().with_compute_budget(budget).with_log_bytes_limit(None);
        let (payer, program, account) = (Keypair::new(), Pubkey::new_unique(), Pubkey::new_unique());
        svm.airdrop(&payer.pubkey(), 1_000_000_000_000).unwrap();
        svm.add_program_from_file(program, path).unwrap();
        Self { svm, payer, program, account }
    }

    /// Runs the program on an account with these contents.
    fn run(&mut self, instruction: &[u8], contents: Vec<u8>) -> TransactionResult {
        let lamports = self.svm.minimum_balance_for_rent_exemption(contents.len());
        let account = Account { lamports, data: contents, owner: self.program, executable: false, rent_epoch: 0 };
        self.svm.set_account(self.account, account).unwrap();
        self.svm.expire_blockhash();
        let call = Instruction::new_with_bytes(self.program, instruction, vec![AccountMeta::new(self.account, false)]);
        let message = Message::new_with_blockhash(&[call], Some(&self.payer.pubkey()), &self.svm.latest_blockhash());
        let transaction = VersionedTransaction::try_new(VersionedMessage::Legacy(message), &[&self.payer]).unwrap();
        self.svm.send_transaction(transaction)
    }

    fn contents(&self) -> Vec<u8> {
        self.svm.get_account(&self.account).unwrap().data
    }
}

/// A sequence of numbers that is the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// An operand of any magnitude: uniform bits would almost never be small.
    fn operand(&mut self) -> u128 {
        let bits = u128::from(self.next()) << 64 | u128::from(self.next());
        let magnitude = bits >> (self.next() % 128);
        if self.next() % 2 == 0 {
            magnitude
        } else {
            magnitude.wrapping_neg()
        }
    }
}

/// Operands around which arithmetic goes wrong: around 0 and around each power of two at which a type ends or is split, and a few floats.
fn extremes() -> Vec<u128> {
    let around = |v: u128| [v.wrapping_sub(1), v, v.wrapping_add(1)];
    let mut out: Vec<u128> = [0u32, 7, 8, 15, 16, 31, 32, 63, 64, 96, 127].iter().flat_map(|bit| around(1 << bit)).collect();
    out.extend([0, u128::MAX, u128::MAX - 1, (i64::MIN as i128) as u128, (i32::MIN as i128) as u128]);
    out.extend([1.5f64, -0.0, f64::NAN, f64::INFINITY, f64::MIN_POSITIVE / 2.0, -1e300].map(|v| u128::from(v.to_bits())));
    out.sort_unstable();
    out.dedup();
    out
}

/// Runs the cases on chain and on the host and compares.
fn compare(chain: &mut Chain, queries: &[(usize, u128, u128)]) {
    for batch in queries.chunks(BATCH) {
        let mut contents = vec![];
        for (case, a, b) in batch {
            contents.extend_from_slice(&(*case as u64).to_le_bytes());
            contents.extend_from_slice(&a.to_le_bytes());
            contents.extend_from_slice(&b.to_le_bytes());
            contents.extend_from_slice(&[0xaa; 24]);
        }
        chain.run(&[command::EVALUATE], contents).unwrap_or_else(|failed| panic!("{:?}\n{}", failed.err, failed.meta.logs.join("\n")));
        for (record, (case, a, b)) in chain.contents().chunks_exact(RECORD_BYTES).zip(batch) {
            let got = (u128::from_le_bytes(record[40..56].try_into().unwrap()), record[56] == 1);
            assert_eq!(got, cases::evaluate(*case, *a, *b), "{}({a:#x}, {b:#x})", cases::CASES[*case].0);
        }
    }
}

/// Every case on every pair of operands. The cases alternate, so that those which allocate do not meet in one invocation's heap.
fn queries(operands: impl Iterator<Item = (u128, u128)>) -> Vec<(usize, u128, u128)> {
    operands.flat_map(|(a, b)| (0..cases::CASES.len()).map(move |case| (case, a, b))).collect()
}

#[test]
fn extreme_operands() {
    let extremes = extremes();
    let pairs = extremes.iter().flat_map(|a| extremes.iter().map(move |b| (*a, *b)));
    compare(&mut Chain::new(), &queries(pairs));
}

#[test]
fn random_operands() {
    let mut random = Random(7);
    compare(&mut Chain::new(), &queries((0..1000).map(|_| (random.operand(), random.operand()))));
}

#[test]
fn a_wrong_result_would_be_seen() {
    let mut chain = Chain::new();
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let mut contents = vec![0; RECORD_BYTES];
        contents[8] = 1;
        chain.run(&[command::EVALUATE], contents).unwrap();
        let record = chain.contents();
        assert_eq!(u128::from_le_bytes(record[40..56].try_into().unwrap()), cases::evaluate(0, 2, 0).0);
    }));
    assert!(outcome.is_err(), "1 + 0 on chain is not 2 + 0 on the host");
}

#[test]
fn panics_reach_the_log() {
    let mut chain = Chain::new();
    let line = |how: u8, chain: &mut Chain| {
        let failed = chain.run(&[command::PANIC, how], vec![9; 3]).expect_err("it panics");
        failed.meta.logs.join("\n")
    };
    let message = line(0, &mut chain);
    assert!(message.contains("a panic with a message"), "{message}");
    for how in 0..4 {
        let log = line(how, &mut chain);
        assert!(log.contains("Panicked in tools/sbf-check/src/trials.rs at "), "panic {how} names its file: {log}");
    }
}

#[test]
fn an_exhausted_heap_leaves_the_statics_alone() {
    let mut chain = Chain::new();
    chain.run(&[command::EXHAUST], vec![0; 48]).unwrap();
    let words: Vec<u64> = chain.contents().chunks_exact(8).map(|b| u64::from_le_bytes(b.try_into().unwrap())).collect();
    let [intact, statics_end, lowest, highest, taken, statics] = words[..] else { panic!("six words") };
    let (start, end) = (sbf_heap::HEAP_START as u64, (sbf_heap::HEAP_START + sbf_heap::HEAP_BYTES) as u64);
    assert_eq!(intact, 1);
    if statics_end > statics {
        assert!(start < statics && statics_end <= lowest, "statics {statics:#x}..{statics_end:#x}, first block {lowest:#x}");
        assert_eq!(statics_end - statics, 320);
    }
    assert!(lowest < start + 1024, "the floor is not far above the statics: {lowest:#x}");
    assert_eq!(highest, end, "the heap is used to its end");
    assert_eq!(taken, highest - lowest, "no byte between is lost");
}

#[test]
fn an_overdrawn_heap_aborts() {
    let mut chain = Chain::new();
    let failed = chain.run(&[command::OVERDRAW], vec![1; 2]).expect_err("the heap is smaller");
    let log = failed.meta.logs.join("\n");
    assert!(!log.contains("Access violation"), "it fails by abort and not by writing elsewhere: {log}");
    assert_eq!(chain.contents(), [1, 1], "nothing changed");
}
