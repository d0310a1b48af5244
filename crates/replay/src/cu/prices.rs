//! What a price costs here and with the crate solmath, in the same machine, built by the same compiler (`tools/sbf-bench`).

use super::Readings;
use anyhow::{anyhow, ensure, Context, Result};
use litesvm::LiteSVM;
use solana_account::Account;
use solana_compute_budget::compute_budget::ComputeBudget;
use solana_instruction::{AccountMeta, Instruction};
use solana_keypair::Keypair;
use solana_message::{Message, VersionedMessage};
use solana_pubkey::Pubkey;
use solana_signer::Signer;
use solana_transaction::versioned::VersionedTransaction;

/// Legs of the longer of two runs; the other has one.
const LEGS: usize = 8;
const RESULT_BYTES: usize = 16;
/// Most that the engine may need for a perp leg (DESIGN 4).
const PERP_LEG: u64 = 400;
/// solmath's scale.
const SCALE: u128 = 1_000_000_000_000;
const YEAR: u128 = 31_536_000;
/// Prices of a series' table.
const TABLE: u64 = 35;
/// Forward of every leg, atoms per lot: $200 in lots of 0.01.
const FORWARD: u128 = 2_000_000;
const DAYS: u128 = 30;

/// First byte of an instruction, as `tools/sbf-bench` reads it.
mod method {
    pub(super) const SOLMATH: u8 = 1;
    pub(super) const SOLMATH_GREEKS: u8 = 2;
    pub(super) const BLACK_76: u8 = 3;
    pub(super) const BLACK_76_GREEKS: u8 = 4;
    pub(super) const TABLE: u8 = 5;
    pub(super) const PERPS: u8 = 6;
}

/// The strikes and volatilities of the legs: 70 % to 140 % of the forward, 40 % to 75 % a year; as the engine reads them.
fn legs() -> Vec<[u128; 4]> {
    (0..LEGS as u128).map(|leg| [FORWARD, FORWARD * (70 + 10 * leg) / 100, (1 << 30) * (40 + 5 * leg) / 100, DAYS * 86_400]).collect()
}

/// The same as solmath reads them: prices in dollars.
fn scaled() -> Vec<[u128; 4]> {
    let convert = |[forward, strike, sigma, tau]: [u128; 4]| {
        [forward * SCALE / 1_000_000, strike * SCALE / 1_000_000, (sigma * SCALE) >> 30, tau * SCALE / YEAR]
    };
    legs().into_iter().map(convert).collect()
}

/// Rows of one call or series each, and the engine's part of a perp leg.
pub(super) fn compare(readings: &mut Readings) -> Result<()> {
    let mut bench = Bench::new()?;
    let solmath = bench.slope(method::SOLMATH, &scaled())?;
    let solmath_greeks = bench.slope(method::SOLMATH_GREEKS, &scaled())?;
    let precise = bench.slope(method::BLACK_76, &legs())?;
    let precise_greeks = bench.slope(method::BLACK_76_GREEKS, &legs())?;
    let table = bench.slope(method::TABLE, &legs())?;
    // Both priced the same options: dollars at 10¹² against 2⁻³² of an atom, within a ten-millionth of the forward.
    for ((theirs, ours), mark) in solmath.prices.iter().zip(&precise.prices).zip(&table.prices) {
        let (theirs, ours) = (theirs / 1_000, (ours * 1_000) >> 32);
        ensure!(
            theirs.abs_diff(ours) <= FORWARD / 10_000 && ours.abs_diff(mark * 1_000) <= 3_000,
            "{theirs} {ours} {mark}: thousandths of an atom"
        );
    }
    let what = |text: &str| format!("{text}; (8 legs − 1 leg) / 7, strikes of 70 % to 140 % of the forward, 30 days");
    readings.more("solmath 0.2.0, price", solmath.cu, what("`black_scholes_price` at no interest"));
    readings.more("solmath 0.2.0, price and Greeks", solmath_greeks.cu, what("`bs_full`"));
    readings.more(
        "plimsoll, precise price",
        precise.cu,
        what("`Contract::new`, `at`, `premium`: within 2⁻⁵⁰ of the forward, logarithm and roots included"),
    );
    readings.more("plimsoll, precise price and Greeks", precise_greeks.cu, what("the same with `greeks`"));
    readings.more(
        "plimsoll, a series in all scenarios",
        table.cu,
        what("35 prices and a delta, logarithm and shocked volatilities included"),
    );
    readings.more("plimsoll, a price of the scenario table", table.cu.div_ceil(TABLE), "the row above / 35: within 3e-8 of the forward");
    let (one, eight) = (bench.perps(1)?, bench.perps(8)?);
    readings.row(
        "per_perp_leg",
        eight.saturating_sub(one).div_ceil(7),
        Some(PERP_LEG),
        "the engine's part: (`margin::health` over 8 legs − over 1) / 7; all three measures of a leg with orders on both sides, its market's terms \
         given. What finding, reading and touching the accounts adds is below",
    );
    Ok(())
}

/// A machine with the program.
struct Bench {
    svm: LiteSVM,
    payer: Keypair,
    program: Pubkey,
    account: Pubkey,
}

/// What one more leg costs, and the prices.
struct Slope {
    cu: u64,
    prices: Vec<u128>,
}

impl Bench {
    fn new() -> Result<Self> {
        let path = crate::world::program_path().with_file_name("sbf_bench.so");
        let budget = ComputeBudget { compute_unit_limit: 1_400_000, ..ComputeBudget::new_with_defaults(false) };
        let mut svm = LiteSVM::new().with_compute_budget(budget);
        let (payer, program, account) = (Keypair::new(), Pubkey::new_unique(), Pubkey::new_unique());
        svm.airdrop(&payer.pubkey(), 1_000_000_000_000).map_err(|failed| anyhow!("{:?}", failed.err))?;
        svm.add_program_from_file(program, &path).with_context(|| format!("{} is missing: `cargo xtask cu` makes it", path.display()))?;
        Ok(Self { svm, payer, program, account })
    }

    /// Compute units of one call, and what it wrote.
    fn call(&mut self, method: u8, legs: &[[u128; 4]]) -> Result<(u64, Vec<u128>)> {
        let data = vec![0; RESULT_BYTES * legs.len()];
        let lamports = self.svm.minimum_balance_for_rent_exemption(data.len());
        let account = Account { lamports, data, owner: self.program, executable: false, rent_epoch: 0 };
        self.svm.set_account(self.account, account).map_err(|error| anyhow!("{error:?}"))?;
        self.svm.expire_blockhash();
        let bytes: Vec<u8> = [method].into_iter().chain(legs.iter().flatten().flat_map(|word| word.to_le_bytes())).collect();
        let call = Instruction::new_with_bytes(self.program, &bytes, vec![AccountMeta::new(self.account, false)]);
        let message = Message::new_with_blockhash(&[call], Some(&self.payer.pubkey()), &self.svm.latest_blockhash());
        let transaction = VersionedTransaction::try_new(VersionedMessage::Legacy(message), &[&self.payer])?;
        let sent = self.svm.send_transaction(transaction).map_err(|failed| anyhow!("{:?}\n{}", failed.err, failed.meta.logs.join("\n")))?;
        let written = self.svm.get_account(&self.account).context("it was there")?.data;
        let words = written.chunks_exact(RESULT_BYTES).map(|word| word.try_into().map(u128::from_le_bytes));
        Ok((sent.compute_units_consumed, words.collect::<Result<_, _>>()?))
    }

    fn slope(&mut self, method: u8, legs: &[[u128; 4]]) -> Result<Slope> {
        let (one, _) = self.call(method, &legs[..1])?;
        let (all, prices) = self.call(method, legs)?;
        ensure!(prices.iter().all(|price| *price > 0), "a leg was not priced");
        Ok(Slope { cu: all.saturating_sub(one).div_ceil(LEGS as u64 - 1), prices })
    }

    /// Eight perp legs, of which `count` are looked at.
    fn perps(&mut self, count: u128) -> Result<u64> {
        let legs: Vec<_> = (0..8).map(|leg| [FORWARD + 10_000 * leg, 5_000, 0, count]).collect();
        let (cu, results) = self.call(method::PERPS, &legs)?;
        ensure!(results[0] > 0, "no requirement");
        Ok(cu)
    }
}
