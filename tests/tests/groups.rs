//! Risk groups: how a group earns credit and loses it, that calls out of order change nothing, and every way to pass the wrong markets.

use anyhow::Result;
use plimsoll::errors::PlimsollError as E;
use plimsoll_replay::world::{audit, Listing, World};
use plimsoll_sdk::build::{self, CreateGroupArgs};
use plimsoll_sdk::risk::correlation::{Correlation, Measure, Pair, Sample};
use plimsoll_sdk::risk::Ratio;
use plimsoll_sdk::state::{Market, RiskGroup};
use plimsoll_sdk::{address, PROGRAM_ID};
use plimsoll_tests::attempts::*;
use plimsoll_tests::reject::Refusal::{Number, Program};
use plimsoll_tests::reject::{check_rows, refused, row, snapshot, Attempt, Make, Row};
use plimsoll_tests::scene::Scene;
use plimsoll_tests::{START, USD};
use solana_instruction::AccountMeta;
use solana_pubkey::Pubkey;
use solana_signer::Signer;

const BUCKET: i64 = 300;

/// A world of markets in one group, beside the engine's own measurement fed with the same samples.
struct Club {
    world: World,
    key: Pubkey,
    prices: Vec<f64>,
    twin: Correlation,
    noise: u64,
}

impl Club {
    /// Credit begins after `warm_up` buckets.
    fn new(markets: usize, warm_up: i64) -> Result<Self> {
        const SYMBOLS: [&str; 8] = ["SOL", "BTC", "ETH", "BNB", "XRP", "DOGE", "ADA", "AVAX"];
        let listings: Vec<_> = SYMBOLS.iter().take(markets).map(|symbol| Listing { symbol, lot_exponent: 2, price: 200 * USD }).collect();
        let mut world = World::new(&listings, START)?;
        let keys: Vec<_> = world.markets.iter().map(|market| market.keys.market).collect();
        let create = build::create_group(world.payer.pubkey(), world.governor.pubkey(), &keys, CreateGroupArgs { warm_up, ..MAJORS });
        let (payer, governor) = (world.payer.insecure_clone(), world.governor.insecure_clone());
        world.send(&[create], &[&payer, &governor])?;
        let key = address::group(&world.exchange, MAJORS.number);
        let twin = Correlation::new(markets).expect("two to eight");
        Ok(Self { world, key, prices: vec![200e6; markets], twin, noise: 5 })
    }

    fn group(&self) -> RiskGroup {
        self.world.read(&self.key).expect("created")
    }

    fn uniform(&mut self) -> f64 {
        self.noise = self.noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.noise >> 33) as f64 / (1_u64 << 30) as f64 - 1.0
    }

    /// A bucket later: every market but the silent ones moves by its loading of one factor, and publishes.
    fn step(&mut self, loadings: &[f64], silent: &[usize]) -> Result<()> {
        self.world.pass(BUCKET);
        let factor = self.uniform();
        for (market, loading) in loadings.iter().enumerate() {
            let own = self.uniform();
            self.prices[market] *= 1.0 + 0.002 * (loading * factor + (1.0 - loading * loading).sqrt() * own);
            if !silent.contains(&market) {
                let price = self.prices[market] as i64;
                self.world.publish(market, price, price / 2_500)?;
            }
        }
        Ok(())
    }

    /// `buckets` of them, the group brought up to date after each.
    fn run(&mut self, buckets: usize, loadings: &[f64], silent: &[usize]) -> Result<()> {
        for _ in 0..buckets {
            self.step(loadings, silent)?;
            self.update()?;
        }
        Ok(())
    }

    fn samples(&self) -> Vec<Sample> {
        (0..self.prices.len()).map(|market| self.world.market(market).vol.sample()).collect()
    }

    /// Anyone brings the group up to date: it and the engine's measurement agree to the bit. Compute units.
    fn update(&mut self) -> Result<u64> {
        let payer = self.world.payer.insecure_clone();
        let sent = self.world.send(&[build::update_group(self.key, &self.group())], &[&payer])?;
        let samples = self.samples();
        let group = self.group();
        self.twin.update(&group.params, &samples).expect("sound");
        assert_eq!(*group.correlation, self.twin, "the program and the engine disagree");
        Ok(sent.compute_units_consumed)
    }

    fn credit(&self, members: u8, measure: Measure) -> f64 {
        self.group().correlation.credit(members, measure).raw() as f64 / Ratio::ONE.raw() as f64
    }
}

#[test]
fn a_group_earns_credit_slowly_and_loses_it_at_once_for_new_risk() -> Result<()> {
    let mut club = Club::new(3, 36)?;
    let together = [0.97, 0.97, 0.5];
    club.run(36, &together, &[])?;
    assert_eq!((club.group().sequence, club.credit(0b111, Measure::Maintenance)), (36, 0.0), "no credit before the warm-up");
    club.run(330, &together, &[])?;
    let (close, wide) = (club.credit(0b011, Measure::Initial), club.credit(0b111, Measure::Initial));
    assert!(close > 0.65 && wide < 0.5 && wide > 0.3, "{close} {wide}");
    assert_eq!(wide, club.credit(0b110, Measure::Initial).min(club.credit(0b101, Measure::Initial)), "the lowest pair");
    // The second market turns against the others.
    club.run(60, &[0.97, -0.97, 0.5], &[])?;
    let (initial, maintenance) = (club.credit(0b011, Measure::Initial), club.credit(0b011, Measure::Maintenance));
    assert!(initial < maintenance && maintenance < close, "{initial} {maintenance} {close}");
    // Five hours: the charge rose by at most 10 % an hour.
    assert!(1.0 - maintenance <= (1.0 - close) * 1.1_f64.powi(5) + 1e-6);
    Ok(())
}

#[test]
fn calls_that_find_nothing_new_change_nothing() -> Result<()> {
    let mut club = Club::new(3, 1)?;
    club.run(5, &[0.9, 0.9, 0.9], &[])?;
    let before = snapshot(&club.world);
    club.world.svm.expire_blockhash();
    club.update()?;
    assert_eq!(snapshot(&club.world), before, "a second call in the same bucket");
    club.world.pass(86_400);
    club.update()?;
    assert_eq!(snapshot(&club.world), before, "old buckets, a day later");
    // Somebody calls between the updates of two markets: nothing is lost.
    let mut quiet = Club::new(3, 1)?;
    let mut hasty = Club::new(3, 1)?;
    for club in [&mut quiet, &mut hasty] {
        club.run(5, &[0.9, 0.9, 0.9], &[])?;
    }
    for round in 0..4 {
        for (club, is_hasty) in [(&mut quiet, false), (&mut hasty, true)] {
            club.world.pass(BUCKET);
            for market in 0..3 {
                let price = (200 + round) * USD + i64::try_from(market)? * 100_000;
                club.world.publish(market, price, price / 2_500)?;
                if is_hasty {
                    club.update()?;
                }
            }
            club.update()?;
        }
    }
    assert_eq!(*quiet.group().correlation, *hasty.group().correlation);
    Ok(())
}

#[test]
fn a_silent_feed_stops_its_own_pairs_and_no_others() -> Result<()> {
    let mut club = Club::new(3, 1)?;
    club.run(40, &[0.95, 0.95, 0.95], &[])?;
    let before = club.group().correlation;
    // While the third is silent, the first two part.
    club.run(40, &[0.95, -0.95, 0.95], &[2])?;
    let during = club.group().correlation;
    let pairs = |state: &Correlation| [state.pairs[0], state.pairs[1], state.pairs[7]];
    let (was, is) = (pairs(&before), pairs(&during));
    let rho = |pair: &Pair| pair.correlation(&club.group().params).map(Ratio::raw);
    assert!(rho(&is[0]) < rho(&was[0]));
    // The bucket that ran when the feed fell silent has not ended for the third market.
    assert_eq!((is[1], is[2]), (was[1], was[2]), "no sample of both, no change");
    // It comes back: what happened meanwhile counts.
    club.run(3, &[0.95, 0.95, 0.95], &[])?;
    assert_ne!(pairs(&club.group().correlation)[2].slow, was[2].slow);
    Ok(())
}

#[test]
fn a_full_group_is_updated_within_its_budget() -> Result<()> {
    let mut club = Club::new(8, 3)?;
    let (mut dearest, mut idle) = (0, 0);
    for _ in 0..12 {
        club.step(&[0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2], &[])?;
        dearest = dearest.max(club.update()?);
        club.world.svm.expire_blockhash();
        idle = idle.max(club.update()?);
    }
    println!("update_group/8: {dearest} compute units with 28 new pairs, {idle} with nothing new");
    assert!(dearest < 40_000, "{dearest}");
    Ok(())
}

/// The remaining accounts of an attempt, changed.
fn with_markets(mut attempt: Attempt, named: usize, change: impl Fn(&mut Vec<AccountMeta>)) -> Attempt {
    let accounts = &mut attempt.instructions[0].accounts;
    let mut markets = accounts.split_off(named);
    change(&mut markets);
    accounts.extend(markets);
    attempt
}

fn changed_list(scene: &mut Scene, change: impl Fn(&mut Vec<AccountMeta>)) -> Attempt {
    with_markets(group(scene, |_| {}), 5, change)
}

fn changed_update(scene: &mut Scene, change: impl Fn(&mut Vec<AccountMeta>)) -> Attempt {
    with_markets(update_group(scene), 1, change)
}

/// Market number `place` of an attempt replaced by another account.
fn with_other(attempt: Attempt, named: usize, place: usize, other: Pubkey) -> Attempt {
    with_markets(attempt, named, |markets| markets[place].pubkey = other)
}

fn by_stranger(mut attempt: Attempt, scene: &Scene) -> Attempt {
    attempt.instructions[0].accounts[1].pubkey = scene.stranger.pubkey();
    attempt.signers.pop();
    attempt.signers.push(scene.stranger.insecure_clone());
    attempt
}

#[test]
fn a_group_is_made_only_by_the_governor_of_sound_numbers_and_free_markets() -> Result<()> {
    let good: Make = |s| group(s, |_| {});
    let numbers: [(&'static str, Make); 8] = [
        ("negative credit", |s| group(s, |g| g.max_credit = -1)),
        ("more credit than the rules give", |s| group(s, |g| g.max_credit = Ratio::of(7, 10).raw() + 1)),
        ("greatest credit", |s| group(s, |g| g.max_credit = i64::MAX)),
        ("a floor below one half", |s| group(s, |g| g.floor_share = (1 << 29) - 1)),
        ("a floor above one", |s| group(s, |g| g.floor_share = (1 << 30) + 1)),
        ("no warm-up", |s| group(s, |g| g.warm_up = 0)),
        ("negative warm-up", |s| group(s, |g| g.warm_up = i64::MIN)),
        ("endless warm-up", |s| group(s, |g| g.warm_up = (1 << 20) + 1)),
    ];
    let mut rows: Vec<Row> = numbers.into_iter().map(|(name, bad)| row(name, Program(E::ParameterOutOfRange), bad, good)).collect();
    rows.extend([
        row("by somebody else", Program(E::NotGovernor), |s| by_stranger(group(s, |_| {}), s), good),
        row("of nothing", Program(E::GroupMarkets), |s| group_of(s, &[], |_| {}), good),
        row("of one market", Program(E::GroupMarkets), |s| group_of(s, &[0], |_| {}), good),
        row("of nine", Program(E::GroupMarkets), |s| group_of(s, &[0, 1, 2, 0, 1, 2, 0, 1, 2], |_| {}), good),
        row("of the same market twice", Program(E::MarketInGroup), |s| group_of(s, &[0, 1, 0], |_| {}), good),
        row("of a foreign market", Program(E::WrongExchange), |s| with_other(group(s, |_| {}), 5, 1, s.foreign.market.market), good),
        row("of a market and a book", Number(3002), |s| with_other(group(s, |_| {}), 5, 1, s.keys(1).book), good),
        row(
            "of a market that cannot be written",
            Program(E::NotWritable),
            |s| changed_list(s, |markets| markets[0].is_writable = false),
            good,
        ),
        row(
            "of a market of another group",
            Program(E::MarketInGroup),
            |s| {
                let first = group(s, |_| {});
                done(s, first);
                group_of(s, &[1, 2], |g| g.number = 1)
            },
            good,
        ),
        row(
            "twice with one number",
            Number(0),
            |s| {
                let first = group(s, |_| {});
                done(s, first);
                group(s, |_| {})
            },
            good,
        ),
    ]);
    check_rows(&mut Scene::calm()?, &rows);
    Ok(())
}

/// An update after the version byte of its account number `place` has changed.
fn old(scene: &mut Scene, place: usize, offset: usize) -> Attempt {
    let attempt = update_group(scene);
    let key = attempt.instructions[0].accounts[place].pubkey;
    let mut account = scene.world.svm.get_account(&key).expect("exists");
    account.data[8 + offset] += 1;
    scene.world.svm.set_account(key, account).expect("account");
    attempt
}

#[test]
fn a_group_reads_its_own_markets_in_its_own_order() -> Result<()> {
    let good: Make = update_group;
    let rows = [
        row("no market", Program(E::GroupMarkets), |s| changed_update(s, |markets| markets.clear()), good),
        row("one too few", Program(E::GroupMarkets), |s| changed_update(s, |markets| drop(markets.pop())), good),
        row(
            "one too many",
            Program(E::GroupMarkets),
            |s| {
                let third = AccountMeta::new_readonly(s.keys(2).market, false);
                changed_update(s, move |markets| markets.push(third.clone()))
            },
            good,
        ),
        row("in another order", Program(E::GroupMarkets), |s| changed_update(s, |markets| markets.swap(0, 1)), good),
        row("the same twice", Program(E::GroupMarkets), |s| changed_update(s, |markets| markets[1] = markets[0].clone()), good),
        row("a market that is no member", Program(E::GroupMarkets), |s| with_other(update_group(s), 1, 1, s.keys(2).market), good),
        row("a market of another exchange", Program(E::GroupMarkets), |s| with_other(update_group(s), 1, 0, s.foreign.market.market), good),
        row("a market of another layout", Program(E::WrongVersion), |s| old(s, 1, core::mem::offset_of!(Market, version)), good),
        row("a group of another layout", Program(E::WrongVersion), |s| old(s, 0, core::mem::offset_of!(RiskGroup, version)), good),
        row(
            "a market for the group",
            Number(3002),
            |s| {
                let market = s.keys(0).market;
                let mut attempt = update_group(s);
                attempt.instructions[0].accounts[0].pubkey = market;
                attempt
            },
            good,
        ),
    ];
    check_rows(&mut grouped()?, &rows);
    Ok(())
}

/// A forged market: the right bytes under another key, or at the right place in a group of its own.
#[test]
fn a_forged_market_does_not_speak_for_a_member() -> Result<()> {
    let mut scene = grouped()?;
    let forged = scene.world.new_key().pubkey();
    let genuine = scene.world.svm.get_account(&scene.keys(0).market).expect("listed");
    assert_eq!(genuine.owner, PROGRAM_ID);
    scene.world.svm.set_account(forged, genuine).expect("account");
    let attempt = with_other(update_group(&mut scene), 1, 0, forged);
    let error = refused(&mut scene.world, "forged", &attempt).map_err(anyhow::Error::msg)?;
    assert_eq!(error, Program(E::GroupMarkets).error());
    Ok(())
}

/// Planted bugs: what no instruction could write, the audit must name.
#[test]
fn the_audit_knows_who_belongs_together() -> Result<()> {
    let mut scene = grouped()?;
    assert_eq!(audit::violations(&scene.world), Vec::<String>::new());
    let (group, member, stranger) = (address::group(&scene.world.exchange, 0), scene.keys(0).market, scene.keys(2).market);
    let saved = scene.world.svm.clone();
    let forget = |bytes: &mut [u8]| bytes[8 + core::mem::offset_of!(Market, group)..][..32].fill(0);
    let claim = |bytes: &mut [u8]| bytes[8 + core::mem::offset_of!(Market, group)..][..32].copy_from_slice(group.as_ref());
    let grant = |bytes: &mut [u8]| {
        let pair = 8 + core::mem::offset_of!(RiskGroup, correlation) + core::mem::offset_of!(Correlation, pairs);
        bytes[pair + core::mem::offset_of!(Pair, initial)..][..8].copy_from_slice(&1_i64.to_le_bytes());
    };
    let plants: [(Pubkey, &dyn Fn(&mut [u8]), &str); 3] = [
        (member, &forget, "group 0 breaks its own law"),
        (stranger, &claim, "market 2 stands in 0 places of groups"),
        (group, &grant, "group 0 breaks its own law"),
    ];
    for (key, plant, words) in plants {
        let mut account = scene.world.svm.get_account(&key).expect("exists");
        plant(&mut account.data);
        scene.world.svm.set_account(key, account).expect("account");
        let broken = audit::violations(&scene.world);
        assert!(broken.len() == 1 && broken[0].contains(words), "{words}: {broken:?}");
        scene.world.svm = saved.clone();
    }
    Ok(())
}
