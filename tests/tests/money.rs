//! Stories of what may leave and when (RULES 1.6): limits, the queue beyond them, and what an attacker would try with it. Every transaction is
//! followed by the audit.

use anyhow::Result;
use plimsoll_replay::world::{Listing, Member, World};
use plimsoll_sdk::address;
use plimsoll_sdk::build::{self, Portfolio, Token};
use plimsoll_sdk::state::{Collateral, Exchange, WithdrawalRequest};
use plimsoll_tests::stage::{done, refused, Outcome, Stage};
use plimsoll_tests::{START, USD};
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer;

const HOUR: i64 = 3_600;

/// SOL at $200; 1 % may leave in an hour and 10 % in a day.
fn limited() -> Result<Stage> {
    let world =
        World::with_limits(&[Listing { symbol: "SOL", lot_exponent: 2, price: 200 * USD }], START, (1 << 30) / 100, (1 << 30) / 10)?;
    Stage::on(world, vec![200 * USD])
}

/// A whale, a trader and a small account with $890,000, $100,000 and $10,000, ten days ago: the average is the total.
struct Cast {
    whale: Member,
    trader: Member,
    small: Member,
}

fn million(stage: &mut Stage) -> Result<Cast> {
    let mut join = |dollars: u64| stage.world.join(2 * dollars * USD as u64, dollars * USD as u64);
    let cast = Cast { whale: join(890_000)?, trader: join(100_000)?, small: join(10_000)? };
    stage.world.pass(864_000);
    stage.calm(3)?;
    Ok(cast)
}

/// What a withdrawal is of.
#[derive(Clone, Copy)]
struct Kind {
    collateral: Option<Pubkey>,
    token: Token,
}

fn cash(stage: &Stage) -> Kind {
    Kind { collateral: None, token: stage.world.quote }
}

fn request(stage: &mut Stage, kind: Kind, member: &Member, to: Pubkey, atoms: i64) -> Result<Outcome> {
    let portfolio = stage.world.portfolio(&member.account);
    let (owner, exchange) = (member.owner.pubkey(), stage.world.exchange);
    let request = build::request_withdrawal(owner, exchange, member.account, kind.collateral, kind.token, to, atoms as u64, &portfolio);
    stage.send("request_withdrawal", request, &[&member.owner])
}

/// Anyone processes.
fn process(stage: &mut Stage, kind: Kind, member: &Member, to: Pubkey) -> Result<Outcome> {
    let portfolio = stage.world.portfolio(&member.account);
    let payer = stage.world.payer.insecure_clone();
    let (owner, exchange) = (member.owner.pubkey(), stage.world.exchange);
    let process = build::process_withdrawal(owner, exchange, member.account, kind.collateral, kind.token, to, &portfolio);
    stage.send("process_withdrawal", process, &[&payer])
}

fn cancel(stage: &mut Stage, kind: Kind, member: &Member, signer: &Keypair) -> Result<Outcome> {
    let cancel = build::cancel_withdrawal(signer.pubkey(), stage.world.exchange, member.account, kind.collateral, kind.token);
    stage.send("cancel_withdrawal", cancel, &[signer])
}

/// The open request of a member, if there is one.
fn queued(stage: &Stage, kind: Kind, member: &Member) -> Option<WithdrawalRequest> {
    stage.world.read(&address::withdrawal(&member.account, &kind.token.mint))
}

/// What the queue of the quote token waits for and has granted.
fn queue(stage: &Stage) -> (i64, i64, u32) {
    let exchange: Exchange = stage.world.read(&stage.world.exchange).expect("open");
    let queue = exchange.outflow.queue;
    (queue.waiting, queue.granted, queue.open)
}

#[test]
fn beyond_the_hours_limit_requests_queue_and_share_pro_rata() -> Result<()> {
    let mut stage = limited()?;
    let Cast { whale, trader, small } = million(&mut stage)?;
    let kind = cash(&stage);
    // About $10,000 may leave in an hour. $4,000 of it leaves at once, and while there is room nobody may queue.
    done(stage.withdraw(&small, 4_000 * USD as u64)?)?;
    refused(request(&mut stage, kind, &whale, whale.wallet, 5_000 * USD)?, "WithdrawAtOnce");
    refused(stage.withdraw(&whale, 100_000 * USD as u64)?, "OutflowLimit");
    done(request(&mut stage, kind, &whale, whale.wallet, 890_000 * USD)?)?;
    // Now nobody passes the whale, not even with an atom; whoever comes within the hour shares with him.
    refused(stage.withdraw(&small, 1)?, "OutflowLimit");
    done(request(&mut stage, kind, &small, small.wallet, 6_000 * USD)?)?;
    stage.wait(HOUR - 10)?;
    done(request(&mut stage, kind, &trader, trader.wallet, 100_000 * USD)?)?;
    refused(process(&mut stage, kind, &small, small.wallet)?, "NothingGranted");
    // A deposit is always taken.
    done(stage.deposit(&small, 1)?)?;

    // The $4,000 have left the window after 65 minutes; then the hour's room is shared.
    stage.wait(400)?;
    let before: Vec<i64> = [&whale, &trader, &small].iter().map(|member| stage.world.tokens(&member.wallet) as i64).collect();
    for member in [&small, &whale, &trader] {
        done(process(&mut stage, kind, member, member.wallet)?)?;
        refused(process(&mut stage, kind, member, member.wallet)?, "NothingGranted");
    }
    let paid: Vec<i64> =
        [&whale, &trader, &small].iter().zip(before).map(|(member, before)| stage.world.tokens(&member.wallet) as i64 - before).collect();
    let sum: i64 = paid.iter().sum();
    assert!((9_900 * USD..=10_000 * USD).contains(&sum), "{sum}");
    for (paid, asked) in paid.iter().zip([890_000, 100_000, 6_000]) {
        let fair = i128::from(sum) * asked / 996_000;
        assert!((i128::from(*paid) - fair).abs() <= 3, "{paid} of {sum} for {asked}");
    }
    assert_eq!(queued(&stage, kind, &small).map(|request| request.request.waiting), Some(6_000 * USD - paid[2]));
    // The account cannot be closed over its request.
    let close = build::close_account(small.owner.pubkey(), small.account);
    refused(stage.send("close_account", close, &[&small.owner])?, "AccountNotEmpty");

    // The whale goes. What is left is small enough for the next hours, and then the door is open again.
    done(cancel(&mut stage, kind, &whale, &whale.owner)?)?;
    assert!(queued(&stage, kind, &whale).is_none());
    done(cancel(&mut stage, kind, &trader, &trader.owner)?)?;
    stage.wait(HOUR + 400)?;
    done(process(&mut stage, kind, &small, small.wallet)?)?;
    assert!(queued(&stage, kind, &small).is_none(), "a request that is paid ends");
    assert_eq!((stage.cash(&small), queue(&stage)), (1, (0, 0, 0)));
    done(stage.withdraw(&small, 1)?)?;
    let close = build::close_account(small.owner.pubkey(), small.account);
    done(stage.send("close_account", close, &[&small.owner])?)
}

#[test]
fn a_whale_that_cycles_deposits_locks_out_nobody() -> Result<()> {
    let mut stage = limited()?;
    let Cast { whale, small, .. } = million(&mut stage)?;
    let kind = cash(&stage);
    for _ in 0..5 {
        done(stage.deposit(&whale, 500_000 * USD as u64)?)?;
        done(stage.withdraw(&whale, 500_000 * USD as u64)?)?;
    }
    done(stage.withdraw(&small, 2_000 * USD as u64)?)?;
    // With a request: what he takes back returns to the others at once, however often.
    for _ in 0..5 {
        done(request(&mut stage, kind, &whale, whale.wallet, 890_000 * USD)?)?;
        done(request(&mut stage, kind, &small, small.wallet, 2_000 * USD)?)?;
        stage.wait(HOUR + 400)?;
        let payer = stage.world.payer.insecure_clone();
        let portfolio = Portfolio::default();
        let exchange = stage.world.exchange;
        // The share is made, most of it his; he cancels before he is paid.
        let share = build::process_withdrawal(small.owner.pubkey(), exchange, small.account, None, kind.token, small.wallet, &portfolio);
        done(stage.send("process_withdrawal", share, &[&payer])?)?;
        done(cancel(&mut stage, kind, &whale, &whale.owner)?)?;
        done(cancel(&mut stage, kind, &small, &small.owner)?)?;
        done(stage.withdraw(&small, 1_000 * USD as u64)?)?;
    }
    assert_eq!(queue(&stage), (0, 0, 0));
    Ok(())
}

#[test]
fn margin_is_judged_at_the_request_and_at_the_payment() -> Result<()> {
    let mut stage = limited()?;
    let Cast { whale, trader, small } = million(&mut stage)?;
    let kind = cash(&stage);
    // 50 SOL of $10,000 on $10,000: a tenth of the notional has to stay, and initial margin.
    stage.trade(0, &small, &trader, 5_000, 200 * USD)?;
    done(request(&mut stage, kind, &whale, whale.wallet, 890_000 * USD)?)?;
    refused(request(&mut stage, kind, &small, small.wallet, 9_500 * USD)?, "BelowInitialMargin");
    refused(request(&mut stage, kind, &small, small.wallet, 9_100 * USD)?, "NotionalFloor");
    refused(request(&mut stage, kind, &small, small.wallet, 10_000 * USD)?, "InsufficientCash");
    refused(request(&mut stage, kind, &small, small.wallet, 0)?, "QuantityOutOfRange");
    done(request(&mut stage, kind, &small, small.wallet, 8_900 * USD)?)?;
    // Waiting does not shield: the money still counts, and the position may grow on it.
    stage.trade(0, &small, &trader, 44_700, 200 * USD)?;
    stage.calm(70)?;
    let (before, wallet) = (stage.cash(&small), stage.world.tokens(&small.wallet));
    done(process(&mut stage, kind, &small, small.wallet)?)?;
    assert_eq!((stage.cash(&small), stage.world.tokens(&small.wallet)), (before, wallet), "not paid out of its margin");
    let open = queued(&stage, kind, &small).expect("it waits on");
    assert_eq!((open.request.waiting, open.request.granted), (8_900 * USD, 0));
    // The share goes to those who can be paid; the next one finds him without his position.
    let (whale_cash, granted) = (stage.cash(&whale), queue(&stage).1);
    done(process(&mut stage, kind, &whale, whale.wallet)?)?;
    let paid = whale_cash - stage.cash(&whale);
    assert!(paid > 9_000 * USD && (paid - granted).abs() <= 2, "{paid} of {granted}");
    stage.trade(0, &trader, &small, 49_700, 200 * USD)?;
    stage.calm(70)?;
    // His cash has shrunk by fees: the request shrinks to it.
    done(process(&mut stage, kind, &small, small.wallet)?)?;
    assert!(stage.world.tokens(&small.wallet) > wallet);
    let open = queued(&stage, kind, &small).expect("it waits for the rest");
    assert_eq!(open.request.waiting, stage.cash(&small).min(open.request.waiting));
    // An old price pays nothing, and takes nothing away either.
    stage.trade(0, &small, &trader, 100, 200 * USD)?;
    stage.world.pass(HOUR + 400);
    refused(process(&mut stage, kind, &small, small.wallet)?, "PriceConditionRefused");
    assert_eq!(queued(&stage, kind, &small).map(|request| request.request.waiting), Some(open.request.waiting));
    Ok(())
}

/// Who has lost his cash while he waited is paid nothing, keeps nobody waiting, and leaves no room reserved (RULES 1.2, 1.6).
#[test]
fn a_request_ends_with_the_cash_behind_it() -> Result<()> {
    // Once before anything is granted, once with a grant that nobody has fetched.
    for is_granted in [false, true] {
        let mut stage = limited()?;
        let Cast { whale, trader, small } = million(&mut stage)?;
        let kind = cash(&stage);
        stage.trade(0, &small, &trader, 25_000, 200 * USD)?;
        done(request(&mut stage, kind, &whale, whale.wallet, 890_000 * USD)?)?;
        done(request(&mut stage, kind, &small, small.wallet, 4_000 * USD)?)?;
        if is_granted {
            stage.calm(67)?;
            done(process(&mut stage, kind, &whale, whale.wallet)?)?;
            assert!(queue(&stage).1 > 0, "the share of the small one is reserved");
        }
        // Fifteen per cent in one print, and his losses take all his cash.
        stage.price(0, 155 * USD)?;
        done(stage.settle_estate(&small)?)?;
        assert_eq!(stage.cash(&small), 0);
        refused(stage.withdraw(&small, 1)?, "InsufficientCash");
        let (purse, wallet) = (stage.world.svm.get_balance(&small.owner.pubkey()).unwrap_or(0), stage.world.tokens(&small.wallet));
        let waiting = queue(&stage).0;
        // Anyone ends it; the rent is the owner's.
        done(process(&mut stage, kind, &small, small.wallet)?)?;
        assert!(queued(&stage, kind, &small).is_none());
        assert!(stage.world.svm.get_balance(&small.owner.pubkey()).unwrap_or(0) > purse);
        assert_eq!((stage.world.tokens(&small.wallet), stage.cash(&small)), (wallet, 0));
        assert!(process(&mut stage, kind, &small, small.wallet)?.is_err(), "it is gone");
        let (left, granted, open) = queue(&stage);
        assert!(left < waiting && open == 1 && granted <= 1, "{left} of {waiting} wait, {granted} granted");
        assert_eq!(stage.world.member(&small.account).requests, 0);
        refused(request(&mut stage, kind, &small, small.wallet, 1)?, "InsufficientCash");
        // The whole hour is the whale's now.
        stage.calm(67)?;
        let before = stage.cash(&whale);
        done(process(&mut stage, kind, &whale, whale.wallet)?)?;
        assert!(before - stage.cash(&whale) > 9_000 * USD, "{}", before - stage.cash(&whale));
    }
    Ok(())
}

/// What the limits of the quote are to cash they are to every collateral, against its own vault.
#[test]
fn collateral_has_limits_and_a_queue_of_its_own() -> Result<()> {
    let mut stage = limited()?;
    let Cast { whale, small, .. } = million(&mut stage)?;
    let token = stage.world.list_collateral(0, 9, 1 << 29, 1 << 29, 0)?;
    let key = address::collateral(&stage.world.exchange, &token.mint);
    let kind = Kind { collateral: Some(key), token };
    let mut purses = Vec::new();
    for (member, atoms) in [(&whale, 900_000_000_000_u64), (&small, 100_000_000_000)] {
        let purse = stage.world.wallet(token, &member.owner.pubkey(), atoms)?;
        let (exchange, market) = (stage.world.exchange, stage.keys(0).market);
        let bring = build::deposit_collateral(member.owner.pubkey(), exchange, member.account, market, token, purse, atoms);
        done(stage.send("deposit_collateral", bring, &[&member.owner])?)?;
        purses.push(purse);
    }
    stage.world.pass(864_000);
    stage.calm(3)?;
    let take = |stage: &mut Stage, member: &Member, purse: Pubkey, atoms: u64| {
        let portfolio = stage.world.portfolio(&member.account);
        let exchange = stage.world.exchange;
        let take = build::withdraw_collateral(member.owner.pubkey(), exchange, member.account, token, purse, atoms, &portfolio);
        stage.send("withdraw_collateral", take, &[&member.owner])
    };
    // Of 1,000 tokens ten may leave in an hour.
    done(take(&mut stage, &small, purses[1], 5_000_000_000)?)?;
    refused(take(&mut stage, &whale, purses[0], 6_000_000_000)?, "OutflowLimit");
    let other = Kind { collateral: Some(key), token: stage.world.quote };
    refused(request(&mut stage, other, &whale, whale.wallet, 6_000_000_000)?, "MintNotAllowed");
    refused(request(&mut stage, kind, &small, purses[1], 96_000_000_000)?, "InsufficientCollateral");
    done(request(&mut stage, kind, &whale, purses[0], 900_000_000_000)?)?;
    done(request(&mut stage, kind, &small, purses[1], 95_000_000_000)?)?;
    refused(take(&mut stage, &small, purses[1], 1)?, "OutflowLimit");
    // The queue of the quote token is another one.
    done(stage.withdraw(&small, 1_000 * USD as u64)?)?;
    stage.calm(67)?;
    done(process(&mut stage, kind, &small, purses[1])?)?;
    done(process(&mut stage, kind, &whale, purses[0])?)?;
    let paid = [stage.world.tokens(&purses[0]) as i64, stage.world.tokens(&purses[1]) as i64 - 5_000_000_000];
    assert!((9_900_000_000..=10_000_000_000).contains(&(paid[0] + paid[1])), "{paid:?}");
    assert!((paid[1] - (paid[0] + paid[1]) * 95 / 995).abs() <= 3, "{paid:?}");
    let listing: Collateral = stage.world.read(&key).expect("listed");
    assert_eq!(listing.total, 995_000_000_000 - paid[0] - paid[1]);
    done(cancel(&mut stage, kind, &whale, &whale.owner)?)?;
    done(cancel(&mut stage, kind, &small, &small.owner)?)
}

#[test]
fn only_the_owner_asks_and_only_the_named_account_is_paid() -> Result<()> {
    let mut stage = limited()?;
    let Cast { whale, trader, small } = million(&mut stage)?;
    let kind = cash(&stage);
    let exchange = stage.world.exchange;
    // Somebody else asks for the whale's money.
    let theft =
        build::request_withdrawal(small.owner.pubkey(), exchange, whale.account, None, kind.token, small.wallet, 1, &Portfolio::default());
    refused(stage.send("request_withdrawal", theft, &[&small.owner])?, "NotAuthorised");
    done(request(&mut stage, kind, &whale, whale.wallet, 890_000 * USD)?)?;
    assert!(request(&mut stage, kind, &whale, whale.wallet, 1)?.is_err(), "one request for each token");
    done(request(&mut stage, kind, &small, small.wallet, 5_000 * USD)?)?;
    refused(cancel(&mut stage, kind, &whale, &small.owner)?, "NotAuthorised");
    stage.wait(HOUR + 10)?;
    // Another receiver, another account's margin, another account's request.
    refused(process(&mut stage, kind, &whale, small.wallet)?, "WrongRequest");
    let payer = stage.world.payer.insecure_clone();
    for (slot, key, name) in [
        (1, trader.account, "WrongRequest"),
        (3, address::withdrawal(&small.account, &kind.token.mint), "NotAuthorised"),
        (4, small.owner.pubkey(), "NotAuthorised"),
    ] {
        let to = whale.wallet;
        let mut wrong =
            build::process_withdrawal(whale.owner.pubkey(), exchange, whale.account, None, kind.token, to, &Portfolio::default());
        wrong.accounts[slot].pubkey = key;
        refused(stage.send("process_withdrawal", wrong, &[&payer])?, name);
    }
    // A pause stops payments, not cancellations, and ends by itself (RULES 9.3).
    let governor = stage.world.governor.insecure_clone();
    let pause = build::pause(governor.pubkey(), exchange, None);
    refused(stage.send("pause", build::pause(payer.pubkey(), exchange, None), &[&payer])?, "NotGuardian");
    done(stage.send("pause", pause.clone(), &[&governor])?)?;
    refused(process(&mut stage, kind, &whale, whale.wallet)?, "WithdrawalsPaused");
    refused(stage.withdraw(&trader, 1)?, "WithdrawalsPaused");
    done(cancel(&mut stage, kind, &small, &small.owner)?)?;
    done(stage.deposit(&small, 1)?)?;
    refused(stage.send("lift_pause", build::lift_pause(payer.pubkey(), exchange, None), &[&payer])?, "PauseRuns");
    done(stage.send("pause", pause.clone(), &[&governor])?)?;
    refused(stage.send("pause", pause, &[&governor])?, "PauseLimit");
    stage.wait(HOUR)?;
    done(process(&mut stage, kind, &whale, whale.wallet)?)?;
    Ok(())
}
