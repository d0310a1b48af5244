//! Stories of orders, delegates, funding and outflow limits (RULES 1.6, 5); every transaction is followed by the audit.

use anyhow::Result;
use plimsoll_replay::world::{Listing, Member, World};
use plimsoll_sdk::build::{self, OrderArgs, SetDelegateArgs};
use plimsoll_sdk::state::{Market, OrderBook};
use plimsoll_tests::stage::{done, refused, Stage};
use plimsoll_tests::{order, BUY, IOC, LIMIT, POST_ONLY, SELL, START, USD};
use solana_pubkey::Pubkey;
use solana_signer::Signer;

/// A dealer and a trader, both with $100,000.
fn two(stage: &mut Stage) -> Result<(Member, Member)> {
    let rich = 100_000 * USD as u64;
    Ok((stage.world.join(rich, rich)?, stage.world.join(rich, rich)?))
}

/// Live orders of a market's book: bids and asks.
fn resting(stage: &Stage, market: usize) -> (u32, u32) {
    let book: OrderBook = stage.world.read(&stage.keys(market).book).expect("listed");
    let live = |side| {
        let (header, orders) = book.side(side);
        header.live(side, orders).map_or(0, |live| live.len() as u32)
    };
    (live(plimsoll_sdk::risk::book::Side::Bid), live(plimsoll_sdk::risk::book::Side::Ask))
}

#[test]
fn cancelled_orders_are_dead_and_swept_when_met() -> Result<()> {
    let mut stage = Stage::new()?;
    let (dealer, trader) = two(&mut stage)?;
    for price in [2_000_000, 2_001_000, 2_002_000] {
        done(stage.place(&dealer, 0, order(SELL, POST_ONLY, price, 100), &[])?)?;
    }
    done(stage.cancel_all(&dealer)?)?;
    // The book still holds them; the account does not.
    assert_eq!(resting(&stage, 0), (0, 3));
    assert!(stage.world.member(&dealer.account).is_empty() || stage.position(&dealer, 0).asks == 0);
    done(stage.place(&dealer, 0, order(SELL, POST_ONLY, 2_003_000, 50), &[])?)?;
    stage.wait(3)?;
    done(stage.place(&trader, 0, order(BUY, IOC, 2_005_000, 100), &[&dealer])?)?;
    assert_eq!((stage.lots(&trader, 0), stage.position(&trader, 0).quote), (50, -50 * 2_003_000));
    assert_eq!(resting(&stage, 0), (0, 0));
    Ok(())
}

/// Until they are met, dead orders stand in the way of nothing but the book's depth: anyone sweeps them, and only them.
#[test]
fn dead_orders_are_swept_without_a_trade_and_live_ones_stay() -> Result<()> {
    let mut stage = Stage::new()?;
    let (dealer, trader) = two(&mut stage)?;
    let other = stage.world.join(100_000 * USD as u64, 100_000 * USD as u64)?;
    let payer = stage.world.payer.insecure_clone();
    let sweep = |stage: &mut Stage, owners: &[Pubkey]| {
        let instruction = build::sweep_orders(stage.keys(0), owners);
        stage.send("sweep_orders", instruction, &[&payer])
    };
    for (price, side) in [(2_001_000, SELL), (2_002_000, SELL), (1_998_000, BUY)] {
        done(stage.place(&dealer, 0, order(side, POST_ONLY, price, 100), &[])?)?;
    }
    done(stage.place(&other, 0, order(SELL, POST_ONLY, 2_003_000, 100), &[])?)?;
    let soon = OrderArgs { expiry: u32::try_from(stage.world.now)? + 30, ..order(BUY, POST_ONLY, 1_997_000, 100) };
    done(stage.place(&trader, 0, soon, &[])?)?;
    let depth = |stage: &mut Stage| {
        done(stage.send("update_funding", build::update_funding(stage.keys(0)), &[&payer]).expect("sent")).expect("sampled");
        let market: Market = stage.world.read(&stage.keys(0).market).expect("listed");
        market.depth.held_depth
    };
    // Nothing is dead yet, whoever is passed.
    refused(sweep(&mut stage, &[dealer.account, other.account, trader.account])?, "NothingToSweep");
    done(stage.cancel_all(&dealer)?)?;
    stage.wait(1)?;
    let wall = depth(&mut stage);
    // The dead are named by their owners: without them, or with others, they stay.
    refused(sweep(&mut stage, &[])?, "NothingToSweep");
    refused(sweep(&mut stage, &[other.account, trader.account])?, "NothingToSweep");
    assert_eq!(resting(&stage, 0), (2, 3));
    let (before, lots) = (stage.world.member(&other.account).sequence, stage.lots(&dealer, 0));
    done(sweep(&mut stage, &[dealer.account, other.account])?)?;
    assert_eq!((resting(&stage, 0), stage.lots(&dealer, 0)), ((1, 1), lots));
    assert_eq!((stage.world.member(&other.account).sequence, stage.position(&other, 0).asks), (before, 100));
    refused(sweep(&mut stage, &[dealer.account, other.account])?, "NothingToSweep");
    stage.wait(1)?;
    assert!(wall == 2 * depth(&mut stage), "the dealer's bid was half of the thinner side");
    // An expired order goes whoever is passed; its owner's slot is freed with the owner.
    stage.wait(40)?;
    done(sweep(&mut stage, &[trader.account])?)?;
    assert_eq!((resting(&stage, 0), stage.position(&trader, 0).bids), ((0, 1), 0));
    // That of a closed account too.
    done(stage.cancel_all(&other)?)?;
    done(stage.withdraw(&other, 100_000 * USD as u64)?)?;
    done(stage.send("close_account", build::close_account(other.owner.pubkey(), other.account), &[&other.owner])?)?;
    done(sweep(&mut stage, &[other.account])?)?;
    assert_eq!(resting(&stage, 0), (0, 0));
    Ok(())
}

#[test]
fn a_maker_who_is_not_passed_is_skipped_while_young_and_waited_for_afterwards() -> Result<()> {
    let mut stage = Stage::new()?;
    let (dealer, trader) = two(&mut stage)?;
    let other = stage.world.join(100_000 * USD as u64, 100_000 * USD as u64)?;
    done(stage.place(&other, 0, order(SELL, POST_ONLY, 2_001_000, 100), &[])?)?;
    stage.wait(2)?;
    done(stage.place(&dealer, 0, order(SELL, POST_ONLY, 2_000_000, 100), &[])?)?;
    // The dealer's better order is a moment old: nobody can have known it.
    done(stage.place(&trader, 0, order(BUY, IOC, 2_001_000, 40), &[&other])?)?;
    assert_eq!((stage.lots(&dealer, 0), stage.lots(&other, 0)), (0, -40));
    // Two seconds later it has its priority, and without its owner nothing fills.
    stage.wait(2)?;
    refused(stage.place(&trader, 0, order(BUY, IOC, 2_001_000, 40), &[&other])?, "MissingMaker");
    assert_eq!((stage.lots(&dealer, 0), stage.lots(&other, 0)), (0, -40));
    done(stage.place(&trader, 0, order(BUY, IOC, 2_001_000, 140), &[&other, &dealer])?)?;
    assert_eq!((stage.lots(&dealer, 0), stage.lots(&other, 0)), (-100, -80));
    Ok(())
}

#[test]
fn post_only_immediate_self_trade_expiry_and_reduce_only() -> Result<()> {
    let mut stage = Stage::new()?;
    let (dealer, trader) = two(&mut stage)?;
    done(stage.place(&dealer, 0, order(SELL, POST_ONLY, 2_000_000, 100), &[])?)?;
    // Post-only never trades.
    refused(stage.place(&trader, 0, order(BUY, POST_ONLY, 2_000_000, 10), &[&dealer])?, "PostOnlyCrosses");
    // Immediate-or-cancel leaves nothing behind; a limit order leaves the rest.
    done(stage.place(&trader, 0, order(BUY, IOC, 1_990_000, 10), &[&dealer])?)?;
    assert_eq!((stage.lots(&trader, 0), resting(&stage, 0)), (0, (0, 1)));
    done(stage.place(&trader, 0, order(BUY, LIMIT, 2_000_000, 130), &[&dealer])?)?;
    assert_eq!((stage.lots(&trader, 0), stage.position(&trader, 0).bids, resting(&stage, 0)), (100, 30, (1, 0)));
    // One's own order is taken away, not filled.
    done(stage.place(&trader, 0, order(SELL, IOC, 2_000_000, 10), &[])?)?;
    assert_eq!((stage.lots(&trader, 0), stage.position(&trader, 0).bids, resting(&stage, 0)), (100, 0, (0, 0)));
    // An order that has expired is dropped when it is met, and with the owner passed its slot is freed.
    let expiry = u32::try_from(stage.world.now + 5)?;
    done(stage.place(&dealer, 0, OrderArgs { expiry, ..order(BUY, POST_ONLY, 2_000_000, 10) }, &[])?)?;
    stage.wait(6)?;
    done(stage.place(&trader, 0, order(SELL, IOC, 2_000_000, 10), &[&dealer])?)?;
    assert_eq!((stage.lots(&trader, 0), stage.position(&dealer, 0).bids, resting(&stage, 0)), (100, 0, (0, 0)));
    // Reduce-only is cut to the position, and refused without one.
    let reduce = OrderArgs { reduce_only: true, ..order(SELL, IOC, 1_990_000, 500) };
    done(stage.place(&dealer, 0, order(BUY, POST_ONLY, 1_995_000, 500), &[])?)?;
    done(stage.place(&trader, 0, reduce, &[&dealer])?)?;
    assert_eq!((stage.lots(&trader, 0), stage.lots(&dealer, 0)), (0, 0));
    refused(stage.place(&trader, 0, reduce, &[&dealer])?, "ReduceOnlyIncreases");
    Ok(())
}

#[test]
fn a_resting_reduce_only_order_is_trimmed_at_the_fill() -> Result<()> {
    let mut stage = Stage::new()?;
    let (dealer, trader) = two(&mut stage)?;
    stage.trade(0, &trader, &dealer, 100, 200 * USD)?;
    let reduce = OrderArgs { reduce_only: true, ..order(SELL, POST_ONLY, 2_010_000, 100) };
    done(stage.place(&trader, 0, reduce, &[])?)?;
    // Meanwhile 70 lots go another way.
    done(stage.place(&dealer, 0, order(BUY, POST_ONLY, 1_999_000, 70), &[])?)?;
    done(stage.place(&trader, 0, order(SELL, IOC, 1_999_000, 70), &[&dealer])?)?;
    assert_eq!(stage.lots(&trader, 0), 30);
    done(stage.place(&dealer, 0, order(BUY, IOC, 2_010_000, 100), &[&trader])?)?;
    assert_eq!((stage.lots(&trader, 0), stage.position(&trader, 0).asks, resting(&stage, 0)), (0, 0, (0, 0)));
    Ok(())
}

#[test]
fn a_closed_account_leaves_no_order_that_fills_or_blocks() -> Result<()> {
    let mut stage = Stage::new()?;
    let (dealer, trader) = two(&mut stage)?;
    let ghost = stage.world.join(10_000 * USD as u64, 10_000 * USD as u64)?;
    done(stage.place(&ghost, 0, order(SELL, POST_ONLY, 1_999_000, 100), &[])?)?;
    done(stage.place(&dealer, 0, order(SELL, POST_ONLY, 2_000_000, 100), &[])?)?;
    done(stage.cancel_all(&ghost)?)?;
    done(stage.withdraw(&ghost, 10_000 * USD as u64)?)?;
    let close = build::close_account(ghost.owner.pubkey(), ghost.account);
    done(stage.send("close_account", close, &[&ghost.owner])?)?;
    stage.wait(3)?;
    // Without its address the dead order stands in the way; with it, it is swept.
    refused(stage.place(&trader, 0, order(BUY, IOC, 2_000_000, 50), &[&dealer])?, "MissingMaker");
    assert_eq!((stage.lots(&trader, 0), resting(&stage, 0)), (0, (0, 2)));
    done(stage.place(&trader, 0, order(BUY, IOC, 2_000_000, 50), &[&dealer, &ghost])?)?;
    assert_eq!((stage.lots(&trader, 0), resting(&stage, 0)), (50, (0, 1)));
    Ok(())
}

#[test]
fn an_account_opened_anew_does_not_inherit_its_old_orders() -> Result<()> {
    let mut stage = Stage::new()?;
    let (_, trader) = two(&mut stage)?;
    let owner = stage.world.join(20_000 * USD as u64, 10_000 * USD as u64)?;
    done(stage.place(&owner, 0, order(SELL, POST_ONLY, 1_999_000, 100), &[])?)?;
    stage.wait(3)?;
    done(stage.cancel_all(&owner)?)?;
    done(stage.withdraw(&owner, 10_000 * USD as u64)?)?;
    let close = build::close_account(owner.owner.pubkey(), owner.account);
    done(stage.send("close_account", close, &[&owner.owner])?)?;
    let args = build::OpenAccountArgs { number: 0, delegate: Default::default(), daily_loss_cap: 0 };
    let open = build::open_account(owner.owner.pubkey(), owner.owner.pubkey(), stage.world.exchange, args);
    done(stage.send("open_account", open, &[&owner.owner])?)?;
    done(stage.deposit(&owner, 10_000 * USD as u64)?)?;
    stage.wait(3)?;
    done(stage.place(&trader, 0, order(BUY, IOC, 2_000_000, 50), &[&owner])?)?;
    assert_eq!((stage.lots(&trader, 0), stage.lots(&owner, 0), resting(&stage, 0)), (0, 0, (0, 0)));
    Ok(())
}

/// An account of $5,000 whose delegate may give away `cap` a day: as its owner signs for it, and as the delegate does.
fn delegated(stage: &mut Stage, cap: i64) -> Result<(Member, Member)> {
    let owner = stage.world.join(10_000 * USD as u64, 0)?;
    let delegate = stage.world.join(0, 0)?;
    let exchange = stage.world.exchange;
    let args = build::OpenAccountArgs { number: 1, delegate: delegate.owner.pubkey(), daily_loss_cap: cap };
    let open = build::open_account(owner.owner.pubkey(), owner.owner.pubkey(), exchange, args);
    done(stage.send("open_account", open, &[&owner.owner])?)?;
    let account = plimsoll_sdk::address::margin_account(&exchange, &owner.owner.pubkey(), 1);
    let bring = build::deposit(owner.owner.pubkey(), exchange, account, stage.world.quote, owner.wallet, 5_000 * USD as u64);
    done(stage.send("deposit", bring, &[&owner.owner])?)?;
    let hands = Member { owner: delegate.owner, account, wallet: delegate.wallet };
    Ok((Member { account, ..owner }, hands))
}

#[test]
fn a_delegate_trades_and_cancels_but_takes_nothing_out() -> Result<()> {
    let mut stage = Stage::new()?;
    let (dealer, _) = two(&mut stage)?;
    let (_, hands) = delegated(&mut stage, 3 * USD)?;
    done(stage.place(&dealer, 0, order(SELL, POST_ONLY, 2_000_000, 100), &[])?)?;
    done(stage.place(&hands, 0, order(BUY, IOC, 2_000_000, 100), &[&dealer])?)?;
    done(stage.place(&hands, 0, order(BUY, POST_ONLY, 1_990_000, 100), &[])?)?;
    done(stage.cancel_all(&hands)?)?;
    refused(stage.withdraw(&hands, 1)?, "NotAuthorised");
    refused(
        stage.place(&Member { owner: dealer.owner.insecure_clone(), ..hands }, 0, order(BUY, IOC, 2_000_000, 1), &[])?,
        "NotAuthorised",
    );
    Ok(())
}

/// RULES 5.2. A hundred lots one per cent above the mark give $2 away, and the taker's fee.
#[test]
fn a_delegates_fills_give_away_no_more_than_the_owner_allows() -> Result<()> {
    let mut stage = Stage::new()?;
    let (dealer, friend) = two(&mut stage)?;
    let (owner, hands) = delegated(&mut stage, 3 * USD)?;
    for _ in 0..3 {
        done(stage.place(&dealer, 0, order(SELL, POST_ONLY, 2_020_000, 100), &[])?)?;
    }
    done(stage.place(&hands, 0, order(BUY, IOC, 2_020_000, 100), &[&dealer])?)?;
    refused(stage.place(&hands, 0, order(BUY, IOC, 2_020_000, 100), &[&dealer])?, "DelegateLossCap");
    assert_eq!(stage.lots(&hands, 0), 100);
    done(stage.place(&hands, 0, order(BUY, IOC, 2_020_000, 30), &[&dealer])?)?;
    // What the owner does is the owner's business, and costs the delegate no room.
    done(stage.place(&owner, 0, order(BUY, IOC, 2_020_000, 100), &[&dealer])?)?;
    assert_eq!(stage.lots(&hands, 0), 230);
    done(stage.cancel_all(&dealer)?)?;
    stage.wait(3)?;
    // An order that the delegate leaves for a friend is removed instead of filled. (The dealer's dead orders are swept.)
    done(stage.place(&hands, 0, order(BUY, LIMIT, 2_020_000, 100), &[&dealer])?)?;
    done(stage.place(&friend, 0, order(SELL, IOC, 2_020_000, 100), &[&hands])?)?;
    assert_eq!((stage.lots(&friend, 0), stage.lots(&hands, 0), resting(&stage, 0)), (0, 230, (0, 0)));
    assert_eq!(room(&stage, &hands), 3 * USD - 2_101_000 - 630_300);
    // With a larger cap there is room for it at once.
    let args = SetDelegateArgs { delegate: hands.owner.pubkey(), daily_loss_cap: 5 * USD };
    refused(stage.send("set_delegate", build::set_delegate(hands.owner.pubkey(), hands.account, args), &[&hands.owner])?, "NotAuthorised");
    done(stage.send("set_delegate", build::set_delegate(owner.owner.pubkey(), owner.account, args), &[&owner.owner])?)?;
    done(stage.place(&hands, 0, order(BUY, POST_ONLY, 2_020_000, 100), &[])?)?;
    done(stage.place(&friend, 0, order(SELL, IOC, 2_020_000, 100), &[&hands])?)?;
    assert_eq!((stage.lots(&friend, 0), stage.lots(&hands, 0)), (-100, 330));
    assert_eq!(room(&stage, &hands), 5 * USD - 2_101_000 - 630_300 - 2_020_200);
    // A hundred sold above the mark give $2 of room back, less the maker's fee.
    done(stage.place(&hands, 0, order(SELL, POST_ONLY, 2_020_000, 100), &[])?)?;
    done(stage.place(&friend, 0, order(BUY, IOC, 2_020_000, 100), &[&hands])?)?;
    assert_eq!(room(&stage, &hands), 5 * USD - 2_101_000 - 630_300 - 2_020_200 + 1_979_800);
    let nobody = SetDelegateArgs { delegate: Default::default(), daily_loss_cap: 0 };
    done(stage.send("set_delegate", build::set_delegate(owner.owner.pubkey(), owner.account, nobody), &[&owner.owner])?)?;
    refused(stage.place(&hands, 0, order(BUY, IOC, 2_000_000, 1), &[])?, "NotAuthorised");
    // An owner who is the own delegate trades as the owner: nothing is counted, though the cap is zero.
    let own = SetDelegateArgs { delegate: owner.owner.pubkey(), daily_loss_cap: 0 };
    done(stage.send("set_delegate", build::set_delegate(owner.owner.pubkey(), owner.account, own), &[&owner.owner])?)?;
    done(stage.place(&dealer, 0, order(SELL, POST_ONLY, 2_020_000, 100), &[])?)?;
    done(stage.place(&owner, 0, order(BUY, IOC, 2_020_000, 100), &[&dealer])?)?;
    Ok(())
}

/// What the delegate's fills may still give away.
fn room(stage: &Stage, hands: &Member) -> i64 {
    let account = stage.world.member(&hands.account);
    account.loss_cap.left(plimsoll_sdk::risk::Secs::new(stage.world.now)).expect("in range").raw()
}

#[test]
fn funding_moves_what_longs_pay_to_shorts_and_nothing_else() -> Result<()> {
    let mut stage = Stage::new()?;
    let (dealer, trader) = two(&mut stage)?;
    let quoter = stage.world.join(1_000_000 * USD as u64, 1_000_000 * USD as u64)?;
    stage.trade(0, &trader, &dealer, 10_000, 200 * USD)?;
    // The book stands about one per cent above the oracle, $10,000 deep on both sides.
    done(stage.place(&quoter, 0, order(BUY, POST_ONLY, 2_018_000, 10_000), &[])?)?;
    done(stage.place(&quoter, 0, order(SELL, POST_ONLY, 2_022_000, 10_000), &[])?)?;
    for _ in 0..30 {
        stage.wait(60)?;
        done(stage.update_funding(0)?)?;
    }
    // The average premium has come to 1 % but for (4/5)^30; the rate is (1 % − 0.05 %) / 24 an hour.
    let funding = stage.world.market(0).funding;
    let full = (1_i64 << 30) / 100;
    assert!((full - full / 500..=full).contains(&funding.premium), "{}", funding.premium);
    assert_eq!(funding.hourly_rate, (funding.premium - plimsoll_sdk::risk::Ratio::of(5, 10_000).raw()) / 24);
    for member in [&trader, &dealer] {
        done(stage.touch(member, 0)?)?;
    }
    let (long, short) = (stage.unsettled(&trader, 0), stage.unsettled(&dealer, 0));
    // Ten more minutes at that rate on $20,000: $1.319 each way.
    for _ in 0..10 {
        stage.wait(60)?;
    }
    for member in [&trader, &dealer] {
        done(stage.touch(member, 0)?)?;
    }
    let (paid, received) = (long - stage.unsettled(&trader, 0), stage.unsettled(&dealer, 0) - short);
    let expected = 20_000 * USD / 6 * funding.hourly_rate / (1 << 30);
    assert!((paid - expected).abs() <= 10_000, "{paid} is not about {expected}");
    // Zero-sum but for the atom that rounding leaves to the tranche.
    assert!((0..=2).contains(&(paid - received)), "{paid} paid, {received} received");
    Ok(())
}

#[test]
fn no_more_than_the_limit_leaves_in_an_hour_and_deposits_give_room_back() -> Result<()> {
    let listing = Listing { symbol: "SOL", lot_exponent: 2, price: 200 * USD };
    let one_percent = plimsoll_sdk::risk::Ratio::of(1, 100).raw();
    let world = World::with_limits(&[listing], START, one_percent, 10 * one_percent)?;
    let mut stage = Stage::on(world, vec![200 * USD])?;
    let whale = stage.world.join(1_000_000 * USD as u64, 1_000_000 * USD as u64)?;
    // The limit is a share of the time-weighted average of what is held: a day later that is most of it.
    for _ in 0..26 {
        stage.wait(3_600)?;
        stage.calm(2)?;
    }
    refused(stage.withdraw(&whale, 20_000 * USD as u64)?, "OutflowLimit");
    // A small request may use the reserve of small requests; a large one within 1 % passes once.
    done(stage.withdraw(&whale, 5_000 * USD as u64)?)?;
    refused(stage.withdraw(&whale, 5_000 * USD as u64)?, "OutflowLimit");
    done(stage.withdraw(&whale, 1_000 * USD as u64)?)?;
    // What comes back gives its room back.
    done(stage.deposit(&whale, 6_000 * USD as u64)?)?;
    done(stage.withdraw(&whale, 5_000 * USD as u64)?)?;
    Ok(())
}
