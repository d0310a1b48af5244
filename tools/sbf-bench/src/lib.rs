//! A program for measuring alone: it prices option legs the way its caller names, with the margin engine or with the crate solmath, and writes
//! the prices into its account, so that the caller sees that both priced the same thing.

use plimsoll_risk::margin::{health, ExpiryRisk, ExpiryTerms, LegInput, MarketRisk, MarketTerms, OptionParams, SeriesTerms, SpotGrid};
use plimsoll_risk::option::{Contract, OptionKind};
use plimsoll_risk::{Lots, Price, Quote, Ratio, RiskResult, Secs};
use solana_account_info::AccountInfo;
use solana_program_entrypoint::{entrypoint, ProgramResult};
use solana_program_error::ProgramError;
use solana_pubkey::Pubkey;

#[cfg(target_os = "solana")]
#[global_allocator]
static HEAP: sbf_heap::Bump = sbf_heap::Bump;

/// Bytes of a leg in the instruction: forward, strike, volatility, time, each 16 bytes, little-endian.
pub const LEG_BYTES: usize = 64;
/// Bytes of a result in the account.
pub const RESULT_BYTES: usize = 16;

/// First byte of an instruction: how the legs after it are priced.
pub mod method {
    /// Nothing is priced: the forward is written back.
    pub const NONE: u8 = 0;
    /// solmath's Black-Scholes call at no interest; operands and result at its scale of 10¹².
    pub const SOLMATH: u8 = 1;
    /// solmath's call and put with all Greeks.
    pub const SOLMATH_GREEKS: u8 = 2;
    /// The engine's precise Black-76 call: atoms per lot, Q30, seconds; the result in 2⁻³² of an atom.
    pub const BLACK_76: u8 = 3;
    /// The same with all Greeks.
    pub const BLACK_76_GREEKS: u8 = 4;
    /// The engine's table of a series, 35 prices; the result is the mark in atoms. All legs are of the first one's expiry.
    pub const TABLE: u8 = 5;
    /// The engine's health of perp legs with orders on both sides, of which only the first few count: as many as the first leg's fourth operand
    /// says. So two calls differ by the engine's work alone. The result is MM in atoms.
    pub const PERPS: u8 = 6;
}

entrypoint!(process_instruction);

/// Prices the legs of the instruction into the first account.
pub fn process_instruction(_: &Pubkey, accounts: &[AccountInfo], data: &[u8]) -> ProgramResult {
    let (method, legs) = data.split_first().ok_or(ProgramError::InvalidInstructionData)?;
    let mut results = accounts.first().ok_or(ProgramError::NotEnoughAccountKeys)?.try_borrow_mut_data()?;
    let results = results.chunks_exact_mut(RESULT_BYTES);
    let legs = legs.chunks_exact(LEG_BYTES);
    let refused = match *method {
        method::NONE => each(legs, results, |leg| Some(leg[0])),
        method::SOLMATH => {
            each(legs, results, |[s, k, sigma, t]| solmath::black_scholes_price(s, k, 0, sigma, t).ok().map(|(call, _)| call))
        }
        method::SOLMATH_GREEKS => {
            each(legs, results, |[s, k, sigma, t]| solmath::bs_full(s, k, 0, sigma, t).ok().map(|all| all.call as u128))
        }
        method::BLACK_76 => each(legs, results, |leg| black_76(leg, false).ok()),
        method::BLACK_76_GREEKS => each(legs, results, |leg| black_76(leg, true).ok()),
        method::TABLE => table(legs, results).is_err(),
        method::PERPS => perps(legs, results).is_err(),
        _ => true,
    };
    if refused {
        return Err(ProgramError::InvalidArgument);
    }
    Ok(())
}

/// Prices each leg; whether any was refused.
fn each<'a>(
    legs: impl Iterator<Item = &'a [u8]>,
    results: impl Iterator<Item = &'a mut [u8]>,
    price: impl Fn([u128; 4]) -> Option<u128>,
) -> bool {
    for (leg, result) in legs.zip(results) {
        let Some(price) = price(operands(leg)) else { return true };
        result.copy_from_slice(&price.to_le_bytes());
    }
    false
}

fn operands(leg: &[u8]) -> [u128; 4] {
    let word = |index: usize| leg[16 * index..16 * (index + 1)].iter().rev().fold(0, |sum, byte| sum << 8 | u128::from(*byte));
    [word(0), word(1), word(2), word(3)]
}

/// Forward, strike, volatility, time as the engine reads them.
fn engine_operands([forward, strike, sigma, tau]: [u128; 4]) -> (Price, Price, Ratio, Secs) {
    (Price::new(forward as i64), Price::new(strike as i64), Ratio::new(sigma as i64), Secs::new(tau as i64))
}

fn black_76(leg: [u128; 4], wants_greeks: bool) -> RiskResult<u128> {
    let (forward, strike, sigma, tau) = engine_operands(leg);
    let model = Contract::new(forward, strike, tau)?.at(sigma)?;
    let premium = model.premium(OptionKind::Call)?;
    if wants_greeks {
        let greeks = core::hint::black_box(model.greeks(OptionKind::Call)?);
        return Ok(premium.raw().max(greeks.vega.raw().min(0)) as u128);
    }
    Ok(premium.raw() as u128)
}

fn table<'a>(legs: impl Iterator<Item = &'a [u8]>, results: impl Iterator<Item = &'a mut [u8]>) -> RiskResult<()> {
    let mut shared = None;
    for (leg, result) in legs.zip(results) {
        let (forward, strike, sigma, tau) = engine_operands(operands(leg));
        let (grid, expiry) = match &shared {
            Some(shared) => shared,
            None => {
                let risk = ExpiryRisk { market: 0, forward, tau, fixed_share: Ratio::ZERO, fixed_mean: Price::ZERO };
                shared.insert((SpotGrid::new(Ratio::of(18, 100))?, ExpiryTerms::new(&risk, &OptionParams::default())?))
            }
        };
        let series = SeriesTerms::new(expiry, strike, OptionKind::Call, sigma)?;
        let values = core::hint::black_box(series.price(grid, 0, 0));
        result.copy_from_slice(&(values.mark().raw() as u128).to_le_bytes());
    }
    Ok(())
}

/// A leg's first operand is its mark; it holds, bids and asks as many lots as its second says.
fn perps<'a>(legs: impl Iterator<Item = &'a [u8]>, results: impl Iterator<Item = &'a mut [u8]>) -> RiskResult<()> {
    let mut portfolio = Vec::with_capacity(8);
    let mut count = None;
    for leg in legs {
        let (mark, lots, _, counted) = engine_operands(operands(leg));
        count = count.or(Some(counted.raw() as usize));
        let lots = Lots::new(lots.raw());
        let value = lots.at(mark)?;
        let input =
            LegInput { lots, quote: value.neg()?, bids: lots, asks: lots, bids_value: value, asks_value: value, ..LegInput::default() };
        portfolio.push((MarketTerms::new(&MarketRisk::major(mark))?, input));
    }
    let counted = portfolio.iter().take(count.unwrap_or(0)).map(|(terms, input)| (terms, input));
    let total = health(Quote::ZERO, counted)?;
    for result in results.take(1) {
        result.copy_from_slice(&(total.mm.raw() as u128).to_le_bytes());
    }
    Ok(())
}
