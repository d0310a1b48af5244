//! Other programs that call Plimsoll: what a hostile one can do with several calls in one instruction, with signatures it was given, with an address
//! of its own, and with what it says afterwards. After every attempt the audit holds.

use anchor_spl::token_2022::spl_token_2022::extension::{transfer_hook, ExtensionType};
use anyhow::Result;
use plimsoll::errors::PlimsollError as E;
use plimsoll_replay::world::{Member, World};
use plimsoll_sdk::build::{self, CreateCollateralArgs, InitializeExchangeArgs, OpenAccountArgs, Portfolio, Token};
use plimsoll_sdk::{address, PROGRAM_ID};
use plimsoll_tests::attempts::*;
use plimsoll_tests::hostile::{load, own, Script, HOSTILE};
use plimsoll_tests::reject::Refusal::{self, Number, Program, Unnumbered};
use plimsoll_tests::reject::{check_rows, refused, row, Attempt, Row, TOKEN_2022};
use plimsoll_tests::scene::{funded, mint_2022, Scene};
use plimsoll_tests::stage::{done as went, Stage};
use plimsoll_tests::{order, BUY, IOC, LIMIT, POST_ONLY, SELL, USD};
use solana_instruction::{AccountMeta, Instruction};
use solana_pubkey::Pubkey;
use solana_signer::Signer;
use solana_transaction::InstructionError;

/// The framework's "account owned by the wrong program".
const WRONG_OWNER: Refusal = Number(3007);
/// The framework's "program ID was not as expected".
const WRONG_PROGRAM: Refusal = Number(3008);
/// The machine's word for a signature or a right to write that the caller does not have.
const ESCALATION: Refusal = Unnumbered(InstructionError::PrivilegeEscalation);

fn with_hostile(mut scene: Scene) -> Result<Scene> {
    load(&mut scene.world)?;
    Ok(scene)
}

/// On `scene`, with the hostile program in the world.
fn try_all(scene: Scene, rows: &[Row]) -> Result<()> {
    check_rows(&mut with_hostile(scene)?, rows);
    Ok(())
}

/// All instructions of `attempts` in one call of the hostile program, signed by all their signers.
fn in_one(attempts: Vec<Attempt>) -> Attempt {
    let (mut script, mut signers) = (Script::new(), Vec::new());
    for attempt in attempts {
        script = attempt.instructions.iter().fold(script, Script::call);
        for key in attempt.signers {
            if !signers.contains(&key) {
                signers.push(key);
            }
        }
    }
    Attempt { instructions: vec![script.instruction()], signers }
}

// Several calls in one instruction

fn bring_cash(scene: &mut Scene, who: fn(&Scene) -> &Member, dollars: u64) -> Attempt {
    let (member, world) = (who(scene), &scene.world);
    let amount = dollars * USD as u64;
    let pay = build::deposit(member.owner.pubkey(), world.exchange, member.account, world.quote, member.wallet, amount);
    Attempt::of(pay, &[&member.owner])
}

fn empty(scene: &Scene) -> &Member {
    &scene.empty
}

/// The empty account deposits $1,000, buys or bids for four SOL, and takes `dollars` out again.
fn borrowed(scene: &mut Scene, kind: u8, price: i64, dollars: u64) -> Attempt {
    let (member, world, keys) = (&scene.empty, &scene.world, scene.keys(0));
    let portfolio = Portfolio::default().with_market(keys.market);
    let owner = member.owner.pubkey();
    let bid = build::place_order(owner, member.account, keys, order(BUY, kind, price, 400), &portfolio, &[scene.maker.account]);
    let atoms = dollars * USD as u64;
    let out = build::withdraw(owner, world.exchange, member.account, world.quote, member.wallet, atoms, &portfolio);
    let (bid, out) = (Attempt::of(bid, &[&member.owner]), Attempt::of(out, &[&member.owner]));
    in_one(vec![bring_cash(scene, empty, 1_000), bid, out])
}

/// RULES 1.6, 5.2: nothing is judged at the end of a transaction instead of at its step.
#[test]
fn nothing_is_gained_by_doing_it_in_one_instruction() -> Result<()> {
    let rows = [
        row(
            "deposit, trade on it, and take it out",
            Program(E::BelowInitialMargin),
            |s| borrowed(s, IOC, 2_001_000, 990),
            |s| borrowed(s, IOC, 2_001_000, 850),
        ),
        row(
            "deposit, rest an order on it, and take it out",
            Program(E::BelowInitialMargin),
            |s| borrowed(s, LIMIT, 1_998_000, 1_000),
            |s| borrowed(s, LIMIT, 1_998_000, 850),
        ),
        row(
            "take out first, pay in afterwards",
            Program(E::InsufficientCash),
            |s| {
                let out = withdraw_of(s, empty, 1_000 * USD as u64);
                in_one(vec![out, bring_cash(s, empty, 1_000)])
            },
            |s| {
                let out = withdraw_of(s, empty, 1_000 * USD as u64);
                in_one(vec![bring_cash(s, empty, 1_000), out])
            },
        ),
        row(
            "close the account and pay into what was closed",
            WRONG_OWNER,
            |s| in_one(vec![revived(s), bring_cash(s, empty, 1)]),
            |s| {
                let again = OpenAccountArgs { number: 0, delegate: Pubkey::default(), daily_loss_cap: 0 };
                let key = s.empty.owner.pubkey();
                let open = Attempt::of(build::open_account(key, key, s.world.exchange, again), &[&s.empty.owner]);
                in_one(vec![good_close(s), open, bring_cash(s, empty, 1)])
            },
        ),
        row(
            "the same order twice on the margin of one",
            Program(E::BelowInitialMargin),
            |s| in_one(vec![margin_order(s), margin_order(s)]),
            |s| in_one(vec![margin_order(s)]),
        ),
    ];
    try_all(Scene::calm()?, &rows)
}

/// The empty account is closed, and its address gets lamports again before the instruction ends.
fn revived(scene: &mut Scene) -> Attempt {
    let (owner, account) = (&scene.empty.owner, scene.empty.account);
    let gift = solana_system_interface::instruction::transfer(&owner.pubkey(), &account, 100_000_000);
    let close = good_close(scene);
    Attempt { instructions: [close.instructions, vec![gift]].concat(), signers: close.signers }
}

/// A bid that takes more than half of the debtor's free margin.
fn margin_order(scene: &mut Scene) -> Attempt {
    let (member, keys) = (&scene.debtor, scene.keys(0));
    let args = order(BUY, LIMIT, 1_998_000, 14_000);
    let bid = build::place_order(member.owner.pubkey(), member.account, keys, args, &scene.portfolio(member), &[]);
    Attempt::of(bid, &[&member.owner])
}

#[test]
fn a_failing_account_gains_nothing_by_it_either() -> Result<()> {
    let rows = [
        row(
            "cured for the length of an instruction",
            Program(E::BelowInitialMargin),
            |s| {
                let out = withdraw_of(s, debtor, 4_000 * USD as u64);
                in_one(vec![bring_cash(s, debtor, 4_000), out])
            },
            |s| in_one(vec![bring_cash(s, debtor, 4_000)]),
        ),
        row("an account liquidates itself", Program(E::SameAccount), |s| in_one(vec![itself(s)]), |s| in_one(vec![slice(s)])),
        row("liquidator and liquidatee swapped", Program(E::NotAuthorised), swapped, |s| in_one(vec![slice(s)])),
        row(
            "the same slice twice in one instruction",
            Program(E::SlicePause),
            |s| {
                begin(s);
                let all = |s: &mut Scene| slice_of(s, debtor, build::LiquidateArgs { max_lots: 1 << 30, ..ANY_PRICE });
                let (once, twice) = (all(s), all(s));
                in_one(vec![once, twice])
            },
            |s| {
                begin(s);
                let once = slice_of(s, debtor, build::LiquidateArgs { max_lots: 1 << 30, ..ANY_PRICE });
                in_one(vec![once])
            },
        ),
    ];
    try_all(failing()?, &rows)?;
    let rows = [row(
        "a candidate registered twice in one instruction",
        Program(E::AdlScoreTooLow),
        |s| {
            let once = register(s, |s| &s.maker);
            let twice = register(s, |s| &s.maker);
            in_one(vec![once, twice])
        },
        |s| {
            let once = register(s, |s| &s.maker);
            in_one(vec![once])
        },
    )];
    try_all(ruined()?, &rows)?;
    let rows = [row(
        "a granted withdrawal paid twice in one instruction",
        Program(E::NothingGranted),
        |s| in_one(vec![pay_out(s), pay_out(s)]),
        |s| in_one(vec![pay_out(s)]),
    )];
    try_all(granted()?, &rows)
}

fn itself(scene: &mut Scene) -> Attempt {
    let debtor = &scene.debtor;
    let own = build::liquidate(
        debtor.owner.pubkey(),
        debtor.account,
        debtor.account,
        scene.keys(0),
        ANY_PRICE,
        &scene.portfolio(debtor),
        &[scene.maker.account],
    );
    Attempt::of(own, &[&debtor.owner])
}

fn swapped(scene: &mut Scene) -> Attempt {
    let mut attempt = slice(scene);
    attempt.instructions[0].accounts[1].pubkey = scene.debtor.account;
    attempt.instructions[0].accounts[2].pubkey = scene.keeper.account;
    in_one(vec![attempt])
}

// Signatures and rights

#[test]
fn a_signature_goes_no_further_than_its_owner_let_it() -> Result<()> {
    let rows = [
        row(
            "a withdrawal that its owner did not sign",
            ESCALATION,
            |s| unsigned(good_withdrawal(s), s.taker.owner.pubkey(), s),
            |s| in_one(vec![good_withdrawal(s)]),
        ),
        row(
            "an order that nobody signed",
            ESCALATION,
            |s| unsigned(good_order(s), s.taker.owner.pubkey(), s),
            |s| in_one(vec![good_order(s)]),
        ),
        row(
            "a delegate's signature carried from an order to a withdrawal",
            Program(E::NotAuthorised),
            |s| {
                let out = signed_by(good_withdrawal(s), &s.delegate);
                in_one(vec![signed_by(good_order(s), &s.delegate), out])
            },
            |s| in_one(vec![signed_by(good_order(s), &s.delegate)]),
        ),
        row(
            "the program's own signature for somebody's account",
            Program(E::NotAuthorised),
            |s| {
                let mut out = good_withdrawal(s);
                out.instructions[0].accounts[0].pubkey = own();
                out.signers = vec![s.stranger.insecure_clone()];
                in_one(vec![out])
            },
            |s| in_one(vec![good_withdrawal(s)]),
        ),
        row(
            "a market that was passed to be read only",
            ESCALATION,
            |s| {
                let touch = touch(s, 0);
                let script = Script::new().claim(&touch.instructions[0], &[], &[s.keys(0).market]);
                Attempt { instructions: vec![script.instruction()], ..touch }
            },
            |s| in_one(vec![touch(s, 0)]),
        ),
        row(
            "the hostile program in the place of the token program",
            WRONG_PROGRAM,
            |s| {
                let mut pay = deposit(s, 1);
                let token = s.world.quote.program;
                for meta in pay.instructions[0].accounts.iter_mut().filter(|meta| meta.pubkey == token) {
                    meta.pubkey = HOSTILE;
                }
                in_one(vec![pay])
            },
            |s| in_one(vec![deposit(s, 1)]),
        ),
    ];
    try_all(Scene::calm()?, &rows)
}

/// The attempt as the hostile program claims that `key` has signed it.
fn unsigned(attempt: Attempt, key: Pubkey, scene: &Scene) -> Attempt {
    let script = Script::new().claim(&attempt.instructions[0], &[key], &[]);
    Attempt::of(script.instruction(), &[&scene.stranger])
}

// Events and answers

/// An event as the program would send it to itself.
fn event(authority: Pubkey, is_signer: bool, body: &[u8]) -> Instruction {
    let data = [anchor_lang::event::EVENT_IX_TAG_LE, body].concat();
    Instruction { program_id: PROGRAM_ID, accounts: vec![AccountMeta { pubkey: authority, is_signer, is_writable: false }], data }
}

#[test]
fn another_program_forges_no_event() -> Result<()> {
    let mut scene = with_hostile(Scene::calm()?)?;
    // The body of a genuine event.
    scene.world.journal = Some(Vec::new());
    let pay = deposit(&mut scene, 1);
    done(&mut scene, pay);
    let genuine = scene.world.journal.take().and_then(|mut events| events.pop()).expect("an event");
    let stranger = scene.stranger.insecure_clone();
    let authority = address::event_authority();
    let tries = [
        ("without the authority's signature", Script::new().call(&event(authority, false, &genuine)), Number(2002)),
        ("claiming the authority's signature", Script::new().claim(&event(authority, true, &genuine), &[authority], &[]), ESCALATION),
        ("with its own address as the authority", Script::new().call(&event(own(), true, &genuine)), Number(2006)),
    ];
    for (name, script, refusal) in tries {
        let forged = Attempt::of(script.instruction(), &[&stranger]);
        let error = refused(&mut scene.world, name, &forged).map_err(anyhow::Error::msg)?;
        assert_eq!(error, refusal.error(), "{name}");
    }
    // What it sends to itself is its own event: whoever reads them goes by the program that was called, as the ledger does.
    scene.world.journal = Some(Vec::new());
    let mut aside = event(own(), true, &genuine);
    aside.program_id = HOSTILE;
    let refused = Attempt::of(Script::new().call(&aside).instruction(), &[&stranger]).send(&mut scene.world);
    assert!(refused.is_err() && scene.world.journal.as_ref().is_some_and(Vec::is_empty), "the tag is no script");
    Ok(())
}

/// An instruction whose event does not fit into the machine's depth of calls is refused whole: nothing happens that no event tells of.
#[test]
fn no_depth_of_calls_swallows_an_event() -> Result<()> {
    let mut scene = with_hostile(Scene::calm()?)?;
    let saved = (scene.world.svm.clone(), scene.world.now);
    let mut deepest = None;
    for levels in 0..12 {
        (scene.world.svm, scene.world.now) = saved.clone();
        scene.world.journal = Some(Vec::new());
        let order = good_order(&mut scene);
        let deep = Attempt { instructions: vec![Script::new().call(&order.instructions[0]).nested(levels)], ..order };
        if deep.send(&mut scene.world).is_ok() {
            assert_eq!(scene.world.journal.as_ref().map(Vec::len), Some(1), "{levels} levels deep");
            deepest = Some(levels);
            continue;
        }
        let error = refused(&mut scene.world, "too deep", &deep).map_err(anyhow::Error::msg)?;
        assert_eq!(error, InstructionError::CallDepth);
    }
    assert!(deepest.is_some_and(|levels| (2..11).contains(&levels)), "{deepest:?}");
    Ok(())
}

/// Return data names the program that left it. Nobody leaves any in Plimsoll's name.
#[test]
fn an_answer_about_health_cannot_be_forged() -> Result<()> {
    let mut scene = with_hostile(Scene::calm()?)?;
    let ask = check_health(&mut scene);
    let stranger = scene.stranger.insecure_clone();
    let mut answer = |script: Script| {
        let sent = scene.world.send(&[script.instruction()], &[&stranger]);
        sent.map(|sent| (sent.return_data.program_id, sent.return_data.data)).map_err(anyhow::Error::from)
    };
    let direct = answer(Script::new().call(&ask.instructions[0]))?;
    assert_eq!((direct.0, direct.1.len() > 56), (PROGRAM_ID, true));
    let forged: Vec<u8> = direct.1.iter().map(|_| 0x7f).collect();
    // Before the question: overwritten. After it: told apart by its name.
    assert_eq!(answer(Script::new().answer(&forged).call(&ask.instructions[0]))?, direct);
    assert_eq!(answer(Script::new().call(&ask.instructions[0]).answer(&forged))?, (HOSTILE, forged.clone()));
    // A call that answers nothing takes what was said before away.
    let touch = touch(&mut scene, 0).instructions.remove(0);
    let sent = scene.world.send(&[Script::new().answer(&forged).call(&touch).instruction()], &[&stranger])?;
    assert!(sent.return_data.data.is_empty(), "{:?}", sent.return_data);
    Ok(())
}

// Re-entrancy

/// Plimsoll calls the token programs and itself, nobody else. The one way back would be a hook on transfers, and no mint that has one is accepted.
#[test]
fn there_is_no_way_back_into_the_program() -> Result<()> {
    let mut scene = with_hostile(Scene::calm()?)?;
    let (payer, governor) = (scene.world.payer.insecure_clone(), scene.world.governor.insecure_clone());
    for (decimals, is_quote) in [(9, false), (6, true)] {
        let token = hooked(&mut scene.world, decimals);
        let attempt = if is_quote {
            let founder = funded(&mut scene.world);
            let key = founder.pubkey();
            let args = InitializeExchangeArgs { guardian: key, fee_collector: key, outflow_hourly: 1 << 20, outflow_daily: 1 << 25 };
            Attempt::of(build::initialize_exchange(payer.pubkey(), key, token, args), &[&payer, &founder])
        } else {
            let args = CreateCollateralArgs { im_weight: 1 << 29, mm_weight: 1 << 29, cap: 1 << 40, warm_up: 0 };
            let list = build::create_collateral(payer.pubkey(), governor.pubkey(), scene.keys(0).market, token, args);
            Attempt::of(list, &[&payer, &governor])
        };
        let error = refused(&mut scene.world, "a hook that calls back", &attempt).map_err(anyhow::Error::msg)?;
        assert_eq!(error, Program(E::MintNotAllowed).error());
    }
    Ok(())
}

/// A mint of Token-2022 whose transfers call the hostile program.
fn hooked(world: &mut World, decimals: u8) -> Token {
    let governor = world.governor.pubkey();
    let hook = |mint: &Pubkey| {
        let hook = transfer_hook::instruction::initialize(&TOKEN_2022, mint, Some(governor), Some(HOSTILE));
        (ExtensionType::TransferHook, hook.expect("hook"))
    };
    mint_2022(world, decimals, Some(&hook))
}

// An account of a program

/// The hostile program's own margin account, and its wallet.
struct Owned {
    account: Pubkey,
    wallet: Pubkey,
}

impl Owned {
    fn open(stage: &mut Stage, wallet: i64, deposit: i64) -> Result<Self> {
        let (exchange, quote) = (stage.world.exchange, stage.world.quote);
        let wallet = stage.world.wallet(quote, &own(), wallet as u64 * USD as u64)?;
        let account = address::margin_account(&exchange, &own(), 0);
        let payer = stage.world.payer.insecure_clone();
        let open = build::open_account(
            payer.pubkey(),
            own(),
            exchange,
            OpenAccountArgs { number: 0, delegate: Pubkey::default(), daily_loss_cap: 0 },
        );
        let pay = build::deposit(own(), exchange, account, quote, wallet, deposit as u64 * USD as u64);
        went(stage.send("open", Script::new().call(&open).call(&pay).instruction(), &[&payer])?)?;
        Ok(Self { account, wallet })
    }

    fn place(&self, stage: &mut Stage, side: u8, price: i64, lots: i64, maker: &Member) -> Result<()> {
        let (keys, portfolio) = (stage.keys(0), stage.world.portfolio(&self.account));
        let args = order(side, IOC, price, lots);
        let place = build::place_order(own(), self.account, keys, args, &portfolio, &[maker.account]);
        let payer = stage.world.payer.insecure_clone();
        went(stage.send("place_order", Script::new().call(&place).instruction(), &[&payer])?)
    }

    fn withdraw(&self, stage: &mut Stage, atoms: i64) -> Result<()> {
        let (exchange, quote, portfolio) = (stage.world.exchange, stage.world.quote, stage.world.portfolio(&self.account));
        let out = build::withdraw(own(), exchange, self.account, quote, self.wallet, atoms as u64, &portfolio);
        let payer = stage.world.payer.insecure_clone();
        went(stage.send("withdraw", Script::new().call(&out).instruction(), &[&payer])?)
    }
}

/// An account whose owner is a program's address fares like a twin whose owner is a key, to the atom: protocols can build on this.
#[test]
fn an_account_owned_by_a_program_is_an_account_like_any_other() -> Result<()> {
    let mut stage = Stage::new()?;
    load(&mut stage.world)?;
    let twin = stage.world.join(20_000 * USD as u64, 10_000 * USD as u64)?;
    let dealer = stage.world.join(500_000 * USD as u64, 500_000 * USD as u64)?;
    let owned = Owned::open(&mut stage, 20_000, 10_000)?;
    let both = |stage: &Stage| [twin.account, owned.account].map(|key| stage.world.member(&key));
    let trade = |stage: &mut Stage, side: u8, price: i64, lots: i64| {
        let (other, lot) = (if side == BUY { SELL } else { BUY }, stage.lot_price(0, price));
        went(stage.place(&dealer, 0, order(other, POST_ONLY, lot, 2 * lots), &[])?)?;
        went(stage.place(&twin, 0, order(side, IOC, lot, lots), &[&dealer])?)?;
        owned.place(stage, side, lot, lots, &dealer)
    };
    trade(&mut stage, BUY, 200 * USD, 10_000)?;
    stage.price(0, 205 * USD)?;
    stage.calm(20)?;
    for key in [twin.account, owned.account] {
        let payer = stage.world.payer.insecure_clone();
        let market = stage.keys(0).market;
        went(stage.send("touch", build::touch(market, key), &[&payer])?)?;
    }
    trade(&mut stage, SELL, 205 * USD, 10_000)?;
    stage.calm(30)?;
    let market = stage.keys(0).market;
    went(stage.settle(&dealer, 0)?)?;
    for key in [twin.account, owned.account] {
        let (payer, portfolio) = (stage.world.payer.insecure_clone(), stage.world.portfolio(&key));
        went(stage.send("settle", build::settle(market, key, &portfolio), &[&payer])?)?;
    }
    let [keyed, program] = both(&stage);
    assert!(keyed.cash > 10_400 * USD, "$500 less fees: {}", keyed.cash);
    assert_eq!(keyed.cash, program.cash);
    let amount = program.cash;
    owned.withdraw(&mut stage, amount)?;
    assert_eq!(stage.world.tokens(&owned.wallet) as i64, 10_000 * USD + amount);
    // Without the program nobody moves it.
    let steal = build::deposit(stage.world.payer.pubkey(), stage.world.exchange, owned.account, stage.world.quote, owned.wallet, 1);
    let payer = stage.world.payer.insecure_clone();
    assert!(stage.send("deposit", steal, &[&payer])?.is_err());
    Ok(())
}

/// It is liquidated like any other, and by its owner's other account no cheaper: both together never have more than before.
#[test]
fn liquidating_oneself_through_a_program_earns_nothing() -> Result<()> {
    let mut stage = Stage::new()?;
    load(&mut stage.world)?;
    let owned = Owned::open(&mut stage, 20_000, 2_000)?;
    let dealer = stage.world.join(500_000 * USD as u64, 500_000 * USD as u64)?;
    // The second account of the same owner.
    let (exchange, quote, payer) = (stage.world.exchange, stage.world.quote, stage.world.payer.insecure_clone());
    let second = address::margin_account(&exchange, &own(), 1);
    let open =
        build::open_account(payer.pubkey(), own(), exchange, OpenAccountArgs { number: 1, delegate: Pubkey::default(), daily_loss_cap: 0 });
    let pay = build::deposit(own(), exchange, second, quote, owned.wallet, 10_000 * USD as u64);
    went(stage.send("open", Script::new().call(&open).call(&pay).instruction(), &[&payer])?)?;
    let lot = stage.lot_price(0, 200 * USD);
    went(stage.place(&dealer, 0, order(SELL, POST_ONLY, lot, 10_000), &[])?)?;
    owned.place(&mut stage, BUY, lot, 10_000, &dealer)?;
    stage.price(0, 187 * USD)?;
    let value = |stage: &Stage| {
        let worth = |key: &Pubkey| stage.preview(&stage.world.member(key)).map(|seen| seen.equity);
        Ok::<_, anyhow::Error>([worth(&owned.account)?, worth(&second)?])
    };
    let before = value(&stage)?;
    let own_slice = |stage: &Stage| {
        let portfolio = stage.world.portfolio(&owned.account).and(&stage.world.portfolio(&second));
        let args = build::LiquidateArgs { max_lots: 1 << 30, min_price: 1, max_price: 1 << 30 };
        build::liquidate(own(), second, owned.account, stage.keys(0), args, &portfolio, &[])
    };
    let mut steps = 0;
    for seconds in [0, 3, 12, 20, 20] {
        stage.wait(seconds)?;
        let slice = own_slice(&stage);
        let tranche = stage.world.market(0).perp.tranche_quote;
        if stage.send("liquidate", Script::new().call(&slice).instruction(), &[&payer])?.is_ok() {
            let after = value(&stage)?;
            let taken = stage.world.market(0).perp.tranche_quote - tranche;
            assert!(after[0] + after[1] <= before[0] + before[1], "{before:?} {after:?}");
            steps += i32::from(taken > 0);
        }
    }
    let lots = |key: &Pubkey| stage.world.member(key).perps[0].position.lots;
    assert!(steps > 0 && lots(&second) > 0 && lots(&owned.account) + lots(&second) == 10_000, "{steps} steps");
    let after = value(&stage)?;
    assert!(after[0] + after[1] < before[0] + before[1], "the tranche has its part of the penalty: {before:?} {after:?}");
    Ok(())
}
