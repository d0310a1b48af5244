//! The options of an account in the few scenarios that a witness names (RULES 4.6).

use super::log_of;
use crate::margin_account::OptionLeg;
use crate::{MarginAccount, Market};
use plimsoll_risk::fixed_math::Log;
use plimsoll_risk::margin::{ExpiryTerms, NamedLeg, NamedMarket, Witness};
use plimsoll_risk::option::surface::Measure;
use plimsoll_risk::{Lots, Price, Ratio, RiskError, RiskResult, Secs};

/// The legs that `account` holds in the market of perp slot `slot`, whose place among the account's markets is `place`, priced in the rows of
/// `named` alone; `None` without any. Also how many there are.
///
/// Errors: [`RiskError::WrongState`] for a leg whose expiry the market does not list; the engine's.
#[inline(never)]
pub fn named_options(
    account: &MarginAccount,
    slot: usize,
    market: &Market,
    place: u8,
    now: Secs,
    named: &Witness,
) -> RiskResult<Option<(NamedMarket, usize)>> {
    let mut options = None;
    let mut count = 0_usize;
    let mut of_market = account.options.iter().filter(|leg| leg.is_used() && usize::from(leg.slot) == slot).peekable();
    if of_market.peek().is_none() {
        return Ok(None);
    }
    for (index, expiry) in market.expiries.iter().enumerate().filter(|(_, expiry)| expiry.is_used()) {
        let mut legs = of_market.clone().filter(|leg| usize::from(leg.expiry) == index).peekable();
        if legs.peek().is_none() {
            continue;
        }
        let risk = expiry.risk(market, place, now)?;
        let terms = ExpiryTerms::new(&risk, &market.option_params)?;
        let curve = expiry.curve(market, now, Measure::Maintenance)?;
        let log_forward = log_of(risk.forward)?;
        let priced = legs.map(|leg: &OptionLeg| {
            if leg.time != expiry.time {
                return Err(RiskError::WrongState);
            }
            let (strike, kind) = (Price::new(leg.strike.into()), leg.kind()?);
            let distance = log_forward.sub(log_of(strike)?)?;
            let sigma = curve.volatility(Log::new(distance.raw().saturating_neg()));
            count = count.wrapping_add(1);
            Ok(NamedLeg { lots: Lots::new(leg.lots), strike, kind, sigma, log: Some(distance) })
        });
        let options = match options {
            Some(ref mut options) => options,
            None => options.insert(NamedMarket::new(named, place, Ratio::new(market.range))?),
        };
        options.add_expiry(&terms, priced)?;
    }
    Ok(options.map(|options| (options, count)))
}
