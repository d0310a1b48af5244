//! Transactions that the refusals vary: each is valid on the scene it is meant for until something is changed in it.

use crate::reject::Attempt;
use crate::scene::{funded, zeroed, Scene};
use crate::{order, three_listings, BUY, IOC, LIMIT, USD};
use anyhow::Result;
use plimsoll_replay::world::audit::Census;
use plimsoll_replay::world::{pyth, Member};
use plimsoll_sdk::build::{
    self, ConvertCollateralArgs, CreateCollateralArgs, CreateGroupArgs, CreateMarketArgs, InitializeExchangeArgs, LiquidateArgs,
    OpenAccountArgs, OrderArgs, SetDelegateArgs, SetQuoteFeedArgs,
};
use plimsoll_sdk::preview::Reading;
use plimsoll_sdk::state::{Exchange, OrderBook, RiskGroup};
use plimsoll_sdk::{address, PROGRAM_ID};
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer;

/// A price update of the first market ten seconds on, changed.
pub fn price(scene: &mut Scene, change: impl Fn(&mut pyth::Update)) -> Attempt {
    scene.world.pass(10);
    let listed = scene.world.markets[0].clone();
    let mut update = pyth::Update::at(listed.feed, scene.prices[0], scene.prices[0] / 2_500, scene.world.now);
    change(&mut update);
    pyth::write(&mut scene.world.svm, listed.price_account, &update, 1).expect("price account");
    Attempt::of(build::update_market(listed.keys.market, listed.price_account), &[&scene.world.payer])
}

/// The price account with other bytes.
pub fn price_bytes(scene: &mut Scene, change: impl Fn(&mut Vec<u8>)) -> Attempt {
    let attempt = price(scene, |_| {});
    let key = scene.world.markets[0].price_account;
    let mut account = scene.world.svm.get_account(&key).expect("written");
    change(&mut account.data);
    scene.world.svm.set_account(key, account).expect("price account");
    attempt
}

/// A price update that is accepted.
pub fn good_price(scene: &mut Scene) -> Attempt {
    price(scene, |_| {})
}

/// A price of the quote token, five cents off its peg and ten seconds on, changed; the first market is brought to the charge.
pub fn quote(scene: &mut Scene, change: impl Fn(&mut pyth::Update)) -> Attempt {
    scene.world.pass(10);
    let world = &mut scene.world;
    let feed = world.read::<Exchange>(&world.exchange).expect("open").quote_feed;
    let mut update = pyth::Update::at(feed, 950_000, 95, world.now);
    change(&mut update);
    pyth::write(&mut world.svm, world.quote_price, &update, 1).expect("price account");
    let market = scene.keys(0).market;
    Attempt::of(build::update_quote(scene.world.exchange, scene.world.quote_price, &[market]), &[&scene.stranger])
}

/// A price of the quote token that is accepted.
pub fn good_quote(scene: &mut Scene) -> Attempt {
    quote(scene, |_| {})
}

/// The governor of the other exchange names the feed of its quote token.
pub fn name_feed(scene: &mut Scene, change: impl Fn(&mut SetQuoteFeedArgs)) -> Attempt {
    let mut args = SetQuoteFeedArgs { feed: [9; 32], exponent: pyth::EXPONENT };
    change(&mut args);
    let governor = &scene.foreign.governor;
    Attempt::of(build::set_quote_feed(governor.pubkey(), args), &[governor])
}

/// The taker pays `amount` in.
pub fn deposit(scene: &mut Scene, amount: u64) -> Attempt {
    let taker = &scene.taker;
    let world = &scene.world;
    Attempt::of(build::deposit(taker.owner.pubkey(), world.exchange, taker.account, world.quote, taker.wallet, amount), &[&taker.owner])
}

/// `who` takes `amount` out.
pub fn withdraw_of(scene: &mut Scene, who: fn(&Scene) -> &Member, amount: u64) -> Attempt {
    let (member, world) = (who(scene), &scene.world);
    let portfolio = scene.portfolio(member);
    let out = build::withdraw(member.owner.pubkey(), world.exchange, member.account, world.quote, member.wallet, amount, &portfolio);
    Attempt::of(out, &[&member.owner])
}

/// The taker takes `amount` out.
pub fn withdraw(scene: &mut Scene, amount: u64) -> Attempt {
    withdraw_of(scene, |scene| &scene.taker, amount)
}

/// A withdrawal that is paid.
pub fn good_withdrawal(scene: &mut Scene) -> Attempt {
    withdraw(scene, 100 * USD as u64)
}

/// The debtor of a scene.
pub fn debtor(scene: &Scene) -> &Member {
    &scene.debtor
}

/// A withdrawal with account `slot` replaced.
pub fn withdraw_with(scene: &mut Scene, slot: usize, key: fn(&Scene) -> Pubkey) -> Attempt {
    let mut attempt = good_withdrawal(scene);
    attempt.instructions[0].accounts[slot].pubkey = key(scene);
    attempt
}

/// The taker pays `amount` of collateral in.
pub fn bring(scene: &mut Scene, amount: u64) -> Attempt {
    let (taker, world) = (&scene.taker, &scene.world);
    let bring = build::deposit_collateral(
        taker.owner.pubkey(),
        world.exchange,
        taker.account,
        scene.keys(0).market,
        scene.token,
        scene.token_wallet,
        amount,
    );
    Attempt::of(bring, &[&taker.owner])
}

/// The taker takes `amount` of collateral out.
pub fn take(scene: &mut Scene, amount: u64) -> Attempt {
    let (taker, world) = (&scene.taker, &scene.world);
    let portfolio = scene.portfolio(taker);
    let owner = taker.owner.pubkey();
    let take = build::withdraw_collateral(owner, world.exchange, taker.account, scene.token, scene.token_wallet, amount, &portfolio);
    Attempt::of(take, &[&taker.owner])
}

/// `account` is closed, `owner` signs.
pub fn close(scene: &mut Scene, owner: fn(&Scene) -> &Member, account: fn(&Scene) -> &Member) -> Attempt {
    let (owner, account) = (owner(scene), account(scene).account);
    Attempt::of(build::close_account(owner.owner.pubkey(), account), &[&owner.owner])
}

/// The empty account is closed.
pub fn good_close(scene: &mut Scene) -> Attempt {
    close(scene, |scene| &scene.empty, |scene| &scene.empty)
}

/// The stranger pays `amount` into the insurance fund.
pub fn insure(scene: &mut Scene, amount: u64) -> Attempt {
    let key = scene.stranger.pubkey();
    let world = &scene.world;
    Attempt::of(build::fund_insurance(key, world.exchange, world.quote, scene.stranger_wallet, amount), &[&scene.stranger])
}

/// A withdrawal from the other exchange, a day after its deposit.
pub fn foreign_withdrawal(scene: &mut Scene, amount: u64) -> Attempt {
    // The deposit no longer counts against the outflow of the hour.
    scene.world.pass(90_000);
    let foreign = &scene.foreign;
    let owner = &scene.taker.owner;
    let wallet = foreign.wallet;
    let out =
        build::withdraw(owner.pubkey(), foreign.exchange, foreign.account, foreign.quote, wallet, amount, &build::Portfolio::default());
    Attempt::of(out, &[owner])
}

/// An order of the taker that meets the maker, changed.
pub fn with_order(scene: &mut Scene, change: impl Fn(&mut OrderArgs)) -> Attempt {
    let mut args = order(BUY, IOC, 2_001_000, 100);
    change(&mut args);
    let (taker, maker) = (&scene.taker, scene.maker.account);
    let portfolio = scene.portfolio(taker);
    Attempt::of(build::place_order(taker.owner.pubkey(), taker.account, scene.keys(0), args, &portfolio, &[maker]), &[&taker.owner])
}

/// An order that is filled.
pub fn good_order(scene: &mut Scene) -> Attempt {
    with_order(scene, |_| {})
}

/// A good order with account `slot` replaced.
pub fn order_with(scene: &mut Scene, slot: usize, key: fn(&Scene) -> Pubkey) -> Attempt {
    let mut attempt = good_order(scene);
    attempt.instructions[0].accounts[slot].pubkey = key(scene);
    attempt
}

/// The same attempt, signed by another key in place of the first.
pub fn signed_by(mut attempt: Attempt, key: &Keypair) -> Attempt {
    attempt.instructions[0].accounts[0].pubkey = key.pubkey();
    attempt.signers = vec![key.insecure_clone()];
    attempt
}

/// The taker cancels the order of that number.
pub fn cancel(scene: &mut Scene, number: impl Fn(&Scene) -> u64) -> Attempt {
    let (taker, id) = (&scene.taker, number(scene));
    Attempt::of(build::cancel_order(taker.owner.pubkey(), taker.account, scene.keys(0), id), &[&taker.owner])
}

/// The resting order is cancelled.
pub fn good_cancel(scene: &mut Scene) -> Attempt {
    cancel(scene, |scene| scene.order)
}

/// The taker cancels everything.
pub fn cancel_all(scene: &mut Scene) -> Attempt {
    Attempt::of(build::cancel_all(scene.taker.owner.pubkey(), scene.taker.account), &[&scene.taker.owner])
}

/// The taker has cancelled everything; its dead order is swept.
pub fn sweep(scene: &mut Scene) -> Attempt {
    let taker = scene.taker.owner.insecure_clone();
    let cancel = build::cancel_all(taker.pubkey(), scene.taker.account);
    scene.world.send(&[cancel], &[&taker]).expect("cancelled");
    Attempt::of(build::sweep_orders(scene.keys(0), &[scene.taker.account]), &[&scene.stranger])
}

/// The taker settles in `market`.
pub fn settle(scene: &mut Scene, market: usize) -> Attempt {
    let taker = &scene.taker;
    Attempt::of(build::settle(scene.keys(market).market, taker.account, &scene.portfolio(taker)), &[&taker.owner])
}

/// The last remaining account of a good order is its maker.
pub fn order_with_maker(scene: &mut Scene, maker: fn(&Scene) -> Pubkey) -> Attempt {
    let mut attempt = good_order(scene);
    attempt.instructions[0].accounts.last_mut().expect("maker").pubkey = maker(scene);
    attempt
}

/// The taker's position in `market` is touched.
pub fn touch(scene: &mut Scene, market: usize) -> Attempt {
    Attempt::of(build::touch(scene.keys(market).market, scene.taker.account), &[&scene.stranger])
}

/// A resting order of one lot.
pub fn resting(scene: &mut Scene, price: i64) -> Attempt {
    with_order(scene, |order| {
        order.kind = LIMIT;
        order.price = price;
        order.lots = 1;
    })
}

/// Rests an order of one lot.
pub fn rest(scene: &mut Scene, price: i64) {
    let attempt = resting(scene, price);
    attempt.send(&mut scene.world).expect("rests");
}

/// Takes over up to 100 lots at whatever price.
pub const ANY_PRICE: LiquidateArgs = LiquidateArgs { max_lots: 100, min_price: 1, max_price: 1 << 30 };

/// The keeper liquidates `who` in the first market.
pub fn slice_of(scene: &mut Scene, who: fn(&Scene) -> &Member, args: LiquidateArgs) -> Attempt {
    let (keeper, target) = (&scene.keeper, who(scene).account);
    let portfolio = scene.portfolio(keeper).and(&scene.world.portfolio(&target));
    let maker = scene.maker.account;
    let slice = build::liquidate(keeper.owner.pubkey(), keeper.account, target, scene.keys(0), args, &portfolio, &[maker]);
    Attempt::of(slice, &[&keeper.owner])
}

/// The keeper liquidates the debtor.
pub fn slice(scene: &mut Scene) -> Attempt {
    slice_of(scene, debtor, ANY_PRICE)
}

/// A good slice with account `slot` replaced.
pub fn slice_with(scene: &mut Scene, slot: usize, key: fn(&Scene) -> Pubkey) -> Attempt {
    let mut attempt = slice(scene);
    attempt.instructions[0].accounts[slot].pubkey = key(scene);
    attempt
}

/// The keeper buys the taker's collateral.
pub fn convert(scene: &mut Scene, change: impl Fn(&mut ConvertCollateralArgs)) -> Attempt {
    let (keeper, taker) = (&scene.keeper, &scene.taker);
    let portfolio = scene.portfolio(keeper).and(&scene.portfolio(taker));
    let mut args = ConvertCollateralArgs { max_amount: 1_000_000_000, max_cost: 1 << 40 };
    change(&mut args);
    let (owner, market) = (keeper.owner.pubkey(), scene.keys(0).market);
    let convert = build::convert_collateral(owner, keeper.account, taker.account, scene.collateral, market, args, &portfolio);
    Attempt::of(convert, &[&keeper.owner])
}

/// A purchase of collateral that goes through on failing accounts.
pub fn good_conversion(scene: &mut Scene) -> Attempt {
    convert(scene, |_| {})
}

/// A good purchase with account `slot` replaced.
pub fn convert_with(scene: &mut Scene, slot: usize, key: fn(&Scene) -> Pubkey) -> Attempt {
    let mut attempt = good_conversion(scene);
    attempt.instructions[0].accounts[slot].pubkey = key(scene);
    attempt
}

/// A stranger cancels the orders of `who`.
pub fn cancel_failing(scene: &mut Scene, who: fn(&Scene) -> &Member) -> Attempt {
    let member = who(scene);
    Attempt::of(build::cancel_failing(member.account, &scene.portfolio(member)), &[&scene.stranger])
}

/// A stranger flags the debtor by the scenarios that show most.
pub fn flag(scene: &mut Scene) -> Attempt {
    let (debtor, census) = (scene.debtor.account, Census::take(&scene.world));
    let reading = Reading::of(&scene.world.member(&debtor), &census, scene.world.now).expect("readable");
    let (witness, _) = reading.witness().expect("computable");
    let flag = build::flag_liquidation(debtor, scene.keys(0).market, &witness, &scene.portfolio(&scene.debtor));
    Attempt::of(flag, &[&scene.stranger])
}

/// A stranger spreads the estate of `who`.
pub fn estate(scene: &mut Scene, who: fn(&Scene) -> &Member) -> Attempt {
    let member = who(scene);
    Attempt::of(build::settle_estate(member.account, &scene.portfolio(member)), &[&scene.stranger])
}

/// A stranger opens a round of ranked deleveraging for `who` in the first market.
pub fn open_round(scene: &mut Scene, who: fn(&Scene) -> &Member) -> Attempt {
    let (account, portfolio) = (who(scene).account, scene.portfolio(who(scene)));
    Attempt::of(build::open_adl_round(scene.stranger.pubkey(), scene.keys(0).market, account, &portfolio), &[&scene.stranger])
}

/// Whether `who` has a round in the first market; opens one where that is possible.
fn has_round(scene: &mut Scene, who: fn(&Scene) -> &Member) -> bool {
    let round = address::adl_round(&scene.keys(0).market, &who(scene).account);
    let is_open = |scene: &Scene| scene.world.svm.get_account(&round).is_some_and(|account| !account.data.is_empty());
    if !is_open(scene) {
        let _ = open_round(scene, who).send(&mut scene.world);
    }
    is_open(scene)
}

/// A stranger registers `candidate` in the debtor's round; the keeper is paid.
pub fn register(scene: &mut Scene, candidate: fn(&Scene) -> &Member) -> Attempt {
    has_round(scene, debtor);
    let portfolio = scene.portfolio(candidate(scene));
    let (failing, candidate, keeper) = (scene.debtor.account, candidate(scene).account, scene.keeper.account);
    Attempt::of(build::register_candidate(scene.keys(0).market, failing, candidate, keeper, &portfolio), &[&scene.stranger])
}

/// The maker is registered in the debtor's round, and a minute has passed.
fn registered(scene: &mut Scene) {
    let register = register(scene, |scene| &scene.maker);
    let _ = register.send(&mut scene.world);
    for _ in 0..6 {
        let _ = scene.tick(10);
    }
}

/// A stranger executes the cut of `candidate` in the debtor's round.
pub fn execute(scene: &mut Scene, candidate: fn(&Scene) -> &Member) -> Attempt {
    registered(scene);
    let (portfolio, failing) = (scene.portfolio(&scene.debtor), scene.debtor.account);
    let execute = build::execute_adl(scene.keys(0).market, failing, &portfolio, &[candidate(scene).account]);
    Attempt::of(execute, &[&scene.stranger])
}

/// A stranger closes the debtor's round, whose lots are gone.
pub fn close_round(scene: &mut Scene) -> Attempt {
    let close = deleverage(scene, debtor);
    done(scene, close);
    Attempt::of(build::close_adl_round(scene.keys(0).market, scene.debtor.account, scene.stranger.pubkey()), &[&scene.stranger])
}

/// A stranger deleverages `who` in the first market, after a round in which nobody was registered.
pub fn deleverage(scene: &mut Scene, who: fn(&Scene) -> &Member) -> Attempt {
    if has_round(scene, who) {
        for _ in 0..6 {
            let _ = scene.tick(10);
        }
    }
    let member = who(scene);
    Attempt::of(build::deleverage(scene.keys(0).market, member.account, &scene.portfolio(member)), &[&scene.stranger])
}

/// A stranger resolves the bankruptcy of `who` in the first market.
pub fn resolve(scene: &mut Scene, who: fn(&Scene) -> &Member) -> Attempt {
    let (member, world) = (who(scene), &scene.world);
    let portfolio = scene.portfolio(member);
    let resolve = build::resolve_bankruptcy(world.exchange, member.account, world.quote, &portfolio);
    Attempt::of(resolve, &[&scene.stranger])
}

/// A stranger moves the first market's deficit on.
pub fn advance_round(scene: &mut Scene) -> Attempt {
    Attempt::of(build::advance_round(scene.keys(0).market), &[&scene.stranger])
}

/// Sends what prepares a row.
pub fn done(scene: &mut Scene, attempt: Attempt) {
    if let Err((error, log)) = attempt.send(&mut scene.world) {
        panic!("{error:?}\n{log}");
    }
}

/// The debtor is being liquidated and the take-over is open; the taker misses its initial margin.
pub fn failing() -> Result<Scene> {
    Scene::calm()?.fallen(147 * USD)
}

/// The debtor's liquidation has begun.
pub fn begin(scene: &mut Scene) {
    let first = slice_of(scene, debtor, LiquidateArgs { max_lots: 1, ..ANY_PRICE });
    done(scene, first);
}

/// The debtor is bankrupt: its lots are open, its estate is not spread.
pub fn ruined() -> Result<Scene> {
    Scene::calm()?.fallen(120 * USD)
}

/// The debtor is bankrupt, its lots are closed and its cash is spent.
pub fn spent() -> Result<Scene> {
    let mut scene = ruined()?;
    let close = deleverage(&mut scene, debtor);
    done(&mut scene, close);
    let spread = estate(&mut scene, debtor);
    done(&mut scene, spread);
    scene.tick(1)?;
    Ok(scene)
}

/// A round registers the deficit of the debtor, and its minute is over.
pub fn registering() -> Result<Scene> {
    let mut scene = spent()?;
    let absorb = resolve(&mut scene, debtor);
    done(&mut scene, absorb);
    for _ in 0..7 {
        scene.tick(10)?;
    }
    Ok(scene)
}

/// A new governor opens an exchange of its own.
pub fn initialize(scene: &mut Scene, change: impl Fn(&mut InitializeExchangeArgs)) -> Attempt {
    let governor = funded(&mut scene.world);
    let key = governor.pubkey();
    let mut args = InitializeExchangeArgs { guardian: key, fee_collector: key, outflow_hourly: 1 << 20, outflow_daily: 1 << 25 };
    change(&mut args);
    let payer = scene.world.payer.insecure_clone();
    Attempt::of(build::initialize_exchange(payer.pubkey(), key, scene.world.quote, args), &[&payer, &governor])
}

/// The governor lists a fourth market; its book has been created.
pub fn list_market(scene: &mut Scene, change: impl Fn(&mut CreateMarketArgs)) -> Attempt {
    let mut args = three_listings()[0].args(3);
    change(&mut args);
    let (book, create) = zeroed(&mut scene.world, OrderBook::SPACE, &PROGRAM_ID);
    let (payer, governor) = (scene.world.payer.insecure_clone(), scene.world.governor.insecure_clone());
    done(scene, Attempt::of(create, &[&payer, &book]));
    let list = build::create_market(payer.pubkey(), governor.pubkey(), book.pubkey(), args);
    Attempt::of(list, &[&payer, &governor])
}

/// The governor lists a new collateral.
pub fn list_collateral(scene: &mut Scene, change: impl Fn(&mut CreateCollateralArgs)) -> Attempt {
    let token = scene.world.create_mint(9).expect("mint");
    let mut args = CreateCollateralArgs { im_weight: 1 << 29, mm_weight: 1 << 29, cap: 1 << 40, warm_up: 60 };
    change(&mut args);
    let world = &scene.world;
    let list = build::create_collateral(world.payer.pubkey(), world.governor.pubkey(), scene.keys(0).market, token, args);
    Attempt::of(list, &[&world.payer, &world.governor])
}

/// Arguments of the group of majors, number 0.
pub const MAJORS: CreateGroupArgs = CreateGroupArgs {
    number: 0,
    name: *b"majors\0\0\0\0\0\0\0\0\0\0",
    max_credit: (1 << 30) / 10 * 7,
    floor_share: (1 << 30) / 4 * 3,
    warm_up: 288,
};

/// The governor puts the first two markets into a group.
pub fn group(scene: &mut Scene, change: impl Fn(&mut CreateGroupArgs)) -> Attempt {
    group_of(scene, &[0, 1], change)
}

/// The governor puts markets into a group.
pub fn group_of(scene: &mut Scene, markets: &[usize], change: impl Fn(&mut CreateGroupArgs)) -> Attempt {
    let mut args = MAJORS;
    change(&mut args);
    let (markets, world): (Vec<_>, _) = (markets.iter().map(|market| scene.keys(*market).market).collect(), &scene.world);
    let list = build::create_group(world.payer.pubkey(), world.governor.pubkey(), &markets, args);
    Attempt::of(list, &[&world.payer, &world.governor])
}

/// The first two markets are in a group, and a bucket of theirs has ended.
pub fn grouped() -> Result<Scene> {
    let mut scene = Scene::calm()?;
    let create = group(&mut scene, |_| {});
    done(&mut scene, create);
    for _ in 0..3 {
        scene.tick(300)?;
    }
    Ok(scene)
}

/// A stranger brings the group up to date.
pub fn update_group(scene: &mut Scene) -> Attempt {
    let key = address::group(&scene.world.exchange, 0);
    let group: RiskGroup = scene.world.read(&key).expect("created");
    Attempt::of(build::update_group(key, &group), &[&scene.stranger])
}

/// The stranger opens an account.
pub fn open(scene: &mut Scene) -> Attempt {
    let key = scene.stranger.pubkey();
    let args = OpenAccountArgs { number: 7, delegate: Pubkey::default(), daily_loss_cap: 0 };
    let world = &scene.world;
    Attempt::of(build::open_account(world.payer.pubkey(), key, world.exchange, args), &[&world.payer, &scene.stranger])
}

/// The taker's owner names the stranger as its delegate.
pub fn delegate(scene: &mut Scene, cap: i64) -> Attempt {
    let (taker, delegate) = (&scene.taker, scene.stranger.pubkey());
    let args = SetDelegateArgs { delegate, daily_loss_cap: cap };
    Attempt::of(build::set_delegate(taker.owner.pubkey(), taker.account, args), &[&taker.owner])
}

/// The first market's fees are collected.
pub fn collect(scene: &mut Scene) -> Attempt {
    let (world, collector) = (&mut scene.world, scene.collector);
    let market = world.markets[0].keys.market;
    Attempt::of(build::collect_fees(world.exchange, market, world.quote, collector), &[&scene.stranger])
}

/// The first market's premium is sampled.
pub fn sample_funding(scene: &mut Scene) -> Attempt {
    Attempt::of(build::update_funding(scene.keys(0)), &[&scene.stranger])
}

/// The taker's margin is asked for.
pub fn check_health(scene: &mut Scene) -> Attempt {
    let taker = &scene.taker;
    Attempt::of(build::check_health(taker.account, &scene.portfolio(taker)), &[&scene.stranger])
}

/// The keeper asks for more than may leave at once.
pub fn ask(scene: &mut Scene, amount: u64) -> Attempt {
    let (keeper, exchange) = (&scene.keeper, scene.world.exchange);
    let portfolio = scene.portfolio(keeper);
    let (owner, quote) = (keeper.owner.pubkey(), scene.world.quote);
    let ask = build::request_withdrawal(owner, exchange, keeper.account, None, quote, keeper.wallet, amount, &portfolio);
    Attempt::of(ask, &[&keeper.owner])
}

/// A request that is queued.
pub fn good_request(scene: &mut Scene) -> Attempt {
    ask(scene, 99_000 * USD as u64)
}

/// The keeper takes its request back.
pub fn take_back(scene: &mut Scene) -> Attempt {
    let (keeper, world) = (&scene.keeper, &scene.world);
    let back = build::cancel_withdrawal(keeper.owner.pubkey(), world.exchange, keeper.account, None, world.quote);
    Attempt::of(back, &[&keeper.owner])
}

/// A stranger has the keeper's request paid.
pub fn pay_out(scene: &mut Scene) -> Attempt {
    let (keeper, world) = (&scene.keeper, &scene.world);
    let portfolio = scene.portfolio(keeper);
    let owner = keeper.owner.pubkey();
    let process = build::process_withdrawal(owner, world.exchange, keeper.account, None, world.quote, keeper.wallet, &portfolio);
    Attempt::of(process, &[&scene.stranger])
}

/// The hour of the deposits is over, so that only a part of all there is may leave at once.
pub fn settled_in() -> Result<Scene> {
    let mut scene = Scene::calm()?;
    scene.world.pass(7_200);
    for _ in 0..12 {
        scene.tick(10)?;
    }
    Ok(scene)
}

/// The keeper has asked.
pub fn asked() -> Result<Scene> {
    let mut scene = settled_in()?;
    let ask = good_request(&mut scene);
    done(&mut scene, ask);
    Ok(scene)
}

/// The keeper has asked an hour ago.
pub fn granted() -> Result<Scene> {
    let mut scene = asked()?;
    scene.world.pass(3_600);
    for _ in 0..12 {
        scene.tick(10)?;
    }
    Ok(scene)
}

/// The feeds have been silent for six hours.
pub fn silent() -> Result<Scene> {
    let mut scene = Scene::calm()?;
    scene.world.pass(21_600);
    Ok(scene)
}

/// The first market's price becomes final.
pub fn settle_market(scene: &mut Scene) -> Attempt {
    Attempt::of(build::begin_settling(scene.keys(0).market), &[&scene.stranger])
}

/// The governor pauses new risk in the first market.
pub fn pause(scene: &mut Scene) -> Attempt {
    let world = &scene.world;
    Attempt::of(build::pause(world.governor.pubkey(), world.exchange, Some(scene.keys(0).market)), &[&world.governor])
}

/// The first market was paused.
pub fn paused() -> Result<Scene> {
    let mut scene = Scene::calm()?;
    let pause = pause(&mut scene);
    done(&mut scene, pause);
    Ok(scene)
}

/// The governor lifts the pause.
pub fn lift(scene: &mut Scene) -> Attempt {
    let world = &scene.world;
    Attempt::of(build::lift_pause(world.governor.pubkey(), world.exchange, Some(scene.keys(0).market)), &[&world.governor])
}
