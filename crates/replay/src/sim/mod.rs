//! The replay: traders, makers, keepers and a resolver act on the compiled program while prices take their path.
//!
//! In every step prices are published, makers move their quotes, traders who have not yet done so open their positions, keepers act on what
//! they see, and whoever is bankrupt is resolved as far as it can be. Nothing here changes an account except by signed transactions.

pub mod keepers;
pub mod makers;
pub mod market;
pub mod population;
pub mod recorder;
pub mod resolution;
pub mod tally;
pub mod traders;

use crate::path::{gap, load, walk, GapPlan, Request, Tick, WALK_NOTE};
use crate::report::{progress_bar, ReportData, Totals};
use crate::world::audit::{violations, Census};
use crate::world::{compiler, Chain, World};
use anyhow::{ensure, Context, Result};
use keepers::{KeeperStyle, Keepers};
use makers::{MakerStyle, Makers};
use market::Marks;
use plimsoll_sdk::build::Token;
use plimsoll_sdk::risk::correlation::Measure;
use plimsoll_sdk::state::RiskGroup;
use plimsoll_sdk::{address, build};
use population::USD;
use recorder::{Entrant, Recorder};
use solana_pubkey::Pubkey;
use solana_signer::Signer;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Instant;
use tally::Tally;
use traders::Trader;

/// What happens to prices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// The whole day.
    Day,
    /// The worst bar in one step, with a small insurance fund.
    Gap,
    /// The last hour down to the low of SOL, and ten minutes after it.
    Fall,
}

/// What a run is made of.
#[derive(Clone, Debug)]
pub struct Config {
    /// Seed of the path and of the traders.
    pub seed: u64,
    /// What happens to prices.
    pub scenario: Scenario,
    /// Seconds of a step.
    pub step: i64,
    /// Traders.
    pub traders: usize,
    /// A price file instead of the data folder.
    pub prices: Option<PathBuf>,
    /// Folder of the checkout, beside which data are looked for.
    pub checkout: PathBuf,
}

/// What differs between the scenarios besides the path.
struct Setting {
    fund: i64,
    /// First step in which traders open their positions, and over how many they do.
    opening: (usize, usize),
    makers: MakerStyle,
}

/// Q30 of a percentage.
const fn percent(share: i64) -> i64 {
    (share << 30) / 100
}

const MAKERS: MakerStyle =
    MakerStyle { count: 4, cash: 12_000_000 * USD, order: 150_000 * USD, inventory: 12_000_000 * USD, nerve: 400, pause: 8 };
const KEEPERS: [KeeperStyle; 4] = [
    KeeperStyle { name: "swift", cash: 20_000 * USD, lag: 0, period: 1, delay: 60, jitter: 120, is_desk: false },
    KeeperStyle { name: "steady", cash: 30_000 * USD, lag: 0, period: 2, delay: 90, jitter: 90, is_desk: false },
    KeeperStyle { name: "distant", cash: 50_000 * USD, lag: 1, period: 2, delay: 40, jitter: 250, is_desk: false },
    KeeperStyle { name: "desk", cash: 5_000_000 * USD, lag: 0, period: 1, delay: 1_000, jitter: 100, is_desk: true },
];
/// Seconds of ordinary path before the gap: positions are opened in it, and are not yet old enough to have been thinned out by earlier falls.
const GAP_LEAD_IN: i64 = 900;
/// Seconds of the path before and after the low in the scenario of the fall.
const FALL_BEFORE: i64 = 3_600;
const FALL_AFTER: i64 = 600;
/// Steps in which a trader tries to open its positions.
const TRIES: usize = 10;
/// Steps between two settlements of everybody.
const SETTLE_EVERY: usize = 60;
/// Steps at the last price in which what is open is brought to its end, at most.
const CLOSING_STEPS: usize = 90;

/// The path of a run, and what has to be said about it.
pub struct Script {
    /// Prices.
    pub ticks: Vec<Tick>,
    /// Where they come from.
    pub source: String,
    /// What a reader must be told.
    pub notes: Vec<String>,
}

struct Run<C: Chain> {
    world: World<C>,
    makers: Makers,
    keepers: Keepers,
    traders: Vec<Trader>,
    entrants: Vec<Entrant>,
    collaterals: Vec<Pubkey>,
    tally: Tally,
    recorder: Recorder,
    census: Rc<Census>,
    opening: (usize, usize),
}

impl Scenario {
    /// The path of this scenario. Errors: prices that cannot be read, or do not cover it.
    pub fn script(self, config: &Config) -> Result<Script> {
        let history = load(&Request::new(&config.checkout, config.prices.clone()))?;
        let mut notes = history.notes.clone();
        notes.push(WALK_NOTE.to_owned());
        let ticks = match self {
            Self::Day => walk(&history, config.step, config.seed)?,
            Self::Fall => around_low(walk(&history, config.step, config.seed)?, config.step)?,
            Self::Gap => {
                let gap = gap(&history, config.step, config.seed, GapPlan { lead_in: GAP_LEAD_IN, ..GapPlan::default() })?;
                notes.push(gap.note);
                gap.ticks
            }
        };
        Ok(Script { ticks, source: history.headline(), notes })
    }

    /// Tokens in the insurance fund when it begins, atoms.
    pub fn fund(self) -> i64 {
        self.setting().fund
    }

    fn setting(self) -> Setting {
        match self {
            Self::Day => Setting { fund: 2_000_000 * USD, opening: (0, 240), makers: MAKERS },
            Self::Gap => Setting { fund: 40_000 * USD, opening: (2, 10), makers: MakerStyle { nerve: 2_000, ..MAKERS } },
            Self::Fall => Setting { fund: 2_000_000 * USD, opening: (0, 10), makers: MakerStyle { count: 2, ..MAKERS } },
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Day => "Plimsoll replay: 10 October 2025, SOL, BTC and ETH",
            Self::Gap => "Plimsoll replay: the worst bar of 10 October 2025 in one step",
            Self::Fall => "Plimsoll replay: the worst hour of 10 October 2025",
        }
    }
}

/// The part of a path that leads to the lowest price of its first market.
fn around_low(mut ticks: Vec<Tick>, step: i64) -> Result<Vec<Tick>> {
    let low = ticks.iter().min_by_key(|tick| tick.prices[0].0).context("the path is empty")?.at;
    ticks.retain(|tick| (low - FALL_BEFORE..=low + FALL_AFTER).contains(&tick.at));
    ensure!(ticks.len() > 1, "steps of {step} s are too long for the hour of the fall");
    Ok(ticks)
}

/// Runs a replay in LiteSVM and gives its report.
pub fn run(config: &Config) -> Result<ReportData> {
    let started = Instant::now();
    let script = config.scenario.script(config)?;
    let first = script.ticks.first().context("the path is empty")?;
    let mut world = World::new(&market::listings(first), first.at - config.step)?;
    let sol = world.list_collateral(0, traders::SOL_DECIMALS, percent(80), percent(90), 0)?;
    world.group_majors()?;
    fill_fund(&mut world, config.scenario.fund())?;
    play(config, script, world, sol, started)
}

/// Plays a script on a world that has its markets, `sol` as a collateral and a filled fund, and whose clock stands before the first tick.
/// Errors: also when a law is broken at the end.
pub fn play<C: Chain>(config: &Config, script: Script, world: World<C>, sol: Token, started: Instant) -> Result<ReportData> {
    let Script { ticks, source, mut notes } = script;
    let mut run = Run::new(config, world, sol, &ticks)?;
    let bar = progress_bar(ticks.len().try_into()?, "replay");
    for (step, tick) in ticks.iter().enumerate() {
        run.step(step, tick)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    let closing = run.close(ticks.last().context("the path is empty")?, ticks.len(), config.step)?;
    notes.push(format!(
        "After the path the last prices were published for {closing} more steps, in which everything open was resolved and settled."
    ));
    notes.push(
        "The quote token was published at one dollar throughout: the data hold no prices of it, so that nothing here shows a depeg."
            .to_owned(),
    );
    notes.extend(run.groups());
    notes.extend(run.refusals());
    let broken = violations(&run.world);
    ensure!(broken.is_empty(), "the run broke a law:\n{}", broken.join("\n"));
    run.report(config, source, notes, started)
}

impl<C: Chain> Run<C> {
    fn new(config: &Config, mut world: World<C>, sol: Token, ticks: &[Tick]) -> Result<Self> {
        let first = ticks.first().context("the path is empty")?;
        let setting = config.scenario.setting();
        let collaterals = vec![address::collateral(&world.exchange, &sol.mint)];
        let makers = Makers::join(&mut world, setting.makers)?;
        let keepers = Keepers::join(&mut world, &KEEPERS, config.seed)?;
        let mut joined = Vec::new();
        for plan in population::plans(config.traders, config.seed) {
            joined.push(traders::join(&mut world, plan, sol, first.prices[0].0)?);
        }
        let census = Rc::new(Census::take(&world));
        let (tally, recorder) = (Tally::default(), Recorder::default());
        // Steps are meant at a minute each.
        let scaled = |minutes: usize| minutes * 60 / usize::try_from(config.step).unwrap_or(60).max(1);
        let opening = (scaled(setting.opening.0), scaled(setting.opening.1).max(1));
        let mut run = Self { world, makers, keepers, traders: joined, entrants: Vec::new(), collaterals, tally, recorder, census, opening };
        run.entrants = run.professionals();
        Ok(run)
    }

    fn professionals(&self) -> Vec<Entrant> {
        let equity = |key: &Pubkey| self.world.member(key).cash;
        let of = |key: Pubkey, label: String| Entrant { equity: equity(&key), key, label, leverage: 0 };
        let makers = self.makers.accounts().into_iter().zip(1..).map(|(key, number)| of(key, format!("maker {number}")));
        let keepers = self.keepers.accounts().into_iter().zip(self.keepers.names()).map(|(key, name)| of(key, format!("keeper {name}")));
        makers.chain(keepers).collect()
    }

    fn marks(&self) -> Marks {
        Marks::read(&self.world, &self.collaterals)
    }

    fn accounts(&self) -> Vec<Pubkey> {
        self.census.members.iter().map(|(key, _)| *key).collect()
    }

    fn step(&mut self, step: usize, tick: &Tick) -> Result<()> {
        market::publish(&mut self.world, tick)?;
        let marks = self.marks();
        self.makers.see_prices(&mut self.world, &marks, &mut self.tally);
        self.open_positions(step, &marks);
        market::sample_funding(&mut self.world, &mut self.tally);
        self.react(step);
        if step % SETTLE_EVERY == SETTLE_EVERY - 1 {
            let accounts = self.accounts();
            resolution::settle_all(&mut self.world, &marks, &accounts, &mut self.tally);
        }
        self.look();
        Ok(())
    }

    /// Keepers and resolver, on the state after trading.
    fn react(&mut self, step: usize) {
        let marks = self.marks();
        let census = Rc::clone(&self.census);
        self.keepers.act(&mut self.world, &marks, &census, step, &self.makers.accounts(), &mut self.tally);
        let accounts = self.accounts();
        let keeper = self.keepers.accounts()[0];
        resolution::resolve(&mut self.world, &marks, &accounts, &keeper, &mut self.tally);
    }

    /// Reads the chain and records it.
    fn look(&mut self) {
        self.census = Rc::new(Census::take(&self.world));
        let marks = self.marks();
        self.recorder.record(&self.world, &marks, &self.census, &self.keepers.accounts(), &mut self.tally);
    }

    /// The traders whose turn it is, and those who found nobody to trade with when it was.
    fn open_positions(&mut self, step: usize, marks: &Marks) {
        let (first, steps) = self.opening;
        let count = self.traders.len();
        let turn = (count * (step + 1).saturating_sub(first) / steps).min(count);
        for trader in self.traders[..turn].iter_mut().filter(|trader| trader.tries < TRIES) {
            traders::open(&mut self.world, trader, &mut self.makers, marks, &mut self.tally);
        }
    }

    /// Publishes the last prices until nobody is failing, nothing is owed and claims have matured; the number of steps it took.
    fn close(&mut self, last: &Tick, steps: usize, seconds: i64) -> Result<usize> {
        let mut tick = last.clone();
        for extra in 0..CLOSING_STEPS {
            tick.at += seconds;
            market::publish(&mut self.world, &tick)?;
            self.react(steps + extra);
            self.look();
            let is_mature = i64::try_from(extra)? * seconds >= 1_200;
            if is_mature && recorder::uncovered(&self.census, &self.marks()) == 0 {
                let accounts = self.accounts();
                let marks = self.marks();
                resolution::settle_all(&mut self.world, &marks, &accounts, &mut self.tally);
                let keeper = self.keepers.accounts()[0];
                for market in 0..self.world.markets.len() {
                    resolution::touch_all(&mut self.world, market, &accounts, &keeper, &mut self.tally);
                }
                self.census = Rc::new(Census::take(&self.world));
                return Ok(extra + 1);
            }
        }
        Ok(CLOSING_STEPS)
    }

    /// What the risk groups have measured, and whether there was credit between their markets.
    fn groups(&self) -> Vec<String> {
        let note = |(_, group): &(Pubkey, Box<RiskGroup>)| {
            let samples = group.correlation.pairs.iter().map(|pair| pair.samples).max().unwrap_or(0);
            let credit = group.correlation.credit(group.everything(), Measure::Maintenance);
            let name = String::from_utf8_lossy(&group.name);
            format!(
                "The risk group {} of {} markets took in {samples} common buckets; its credit was {} thousandths at the end. It begins after {} buckets.",
                name.trim_end_matches('\0'),
                group.members().len(),
                credit.raw().saturating_mul(1_000) >> 30,
                group.params.warm_up
            )
        };
        self.census.groups.iter().map(note).collect()
    }

    /// What was refused, as notes: a run in which much is refused is not the run that was meant.
    fn refusals(&self) -> Vec<String> {
        let name = |code: Option<u32>| code.and_then(plimsoll_sdk::decode::error).map_or_else(|| format!("{code:?}"), |entry| entry.name);
        let note = |(&(what, code), count): (&(&str, Option<u32>), &u64)| format!("{what}: {} ({count})", name(code));
        let all: Vec<_> = self.tally.refusals.iter().map(note).collect();
        if all.is_empty() {
            Vec::new()
        } else {
            vec![format!("Refused transactions: {}.", all.join(", "))]
        }
    }

    fn report(&mut self, config: &Config, source: String, notes: Vec<String>, started: Instant) -> Result<ReportData> {
        let (marks, census) = (self.marks(), &self.census);
        let trader = |(trader, number): (&Trader, usize)| {
            let Trader { member, equity, leverage, .. } = trader;
            Entrant { key: member.account, label: format!("trader {number:03}"), equity: *equity, leverage: *leverage }
        };
        self.entrants.extend(self.traders.iter().zip(1..).map(trader));
        let accounts = recorder::accounts(&self.entrants, census, &marks, &self.tally);
        let (ledgers, positions) = (recorder::ledgers(&self.world, census), recorder::positions(&self.world, census));
        let differences: i128 = ledgers.iter().map(|ledger| ledger.difference().abs()).sum();
        let keepers = self.keepers.accounts();
        // What happened since the last whole minute belongs to the last record.
        if let Some(last) = self.recorder.minutes.last_mut() {
            last.liquidations += std::mem::take(&mut self.tally.since_record);
            last.keeper_income = keepers.iter().map(|keeper| self.tally.income.get(keeper).copied().unwrap_or(0)).collect();
        }
        let totals = Totals {
            transactions: self.world.transactions,
            accounts: accounts.len().try_into()?,
            liquidations: self.tally.liquidations,
            lost_races: self.tally.lost_races,
            keeper_income: self.tally.income.values().sum(),
            insurance_paid: census.funds.iter().map(|(_, fund)| fund.paid_out).sum(),
            adl_events: self.tally.adl_events,
            claims_cut: self.tally.claims_cut(),
            bad_debt_uncovered: recorder::uncovered(census, &marks),
            token_difference: u64::try_from(differences)?,
            position_difference: u64::try_from(census.position_difference())?,
            seconds: started.elapsed().as_secs_f64(),
            compiler: compiler(),
        };
        Ok(ReportData {
            title: config.scenario.title().to_owned(),
            seed: config.seed,
            source,
            notes,
            markets: self.world.markets.iter().map(|listed| listed.symbol.to_owned()).collect(),
            keepers: self.keepers.names(),
            minutes: std::mem::take(&mut self.recorder.minutes),
            accounts,
            ledgers,
            positions,
            totals,
        })
    }
}

/// Pays `amount` into the insurance fund.
fn fill_fund(world: &mut World<impl Chain>, amount: i64) -> Result<()> {
    let donor = world.governor.insecure_clone();
    let atoms = amount.unsigned_abs();
    let wallet = world.wallet(world.quote, &donor.pubkey(), atoms)?;
    let pay = build::fund_insurance(donor.pubkey(), world.exchange, world.quote, wallet, atoms);
    world.send(&[pay], &[&donor])?;
    Ok(())
}
