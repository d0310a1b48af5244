//! The migrations on a running cluster: complete, idempotent, resumed, refused where the chain differs; and the loader's way of deploying.

use plimsoll_localnet::node::{Blocks, Node};
use plimsoll_localnet::rpc::{self, RpcChain};
use plimsoll_localnet::setup;
use plimsoll_migrations::deployment::{seeded, Group};
use plimsoll_migrations::{check, loader, run, run_through, Cluster, Context, Deployment, Keys, Outcome};
use plimsoll_replay::world::{program_path, Chain};
use plimsoll_sdk::state::{Exchange, InsuranceFund, Market, OrderBook, RiskGroup};
use plimsoll_sdk::{address, build, PROGRAM_ID};
use solana_account::Account;
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer;
use solana_system_interface::instruction::create_account_with_seed;
use std::collections::BTreeMap;

/// SPL Token.
const TOKEN_PROGRAM: Pubkey = plimsoll_migrations::deployment::TOKEN_PROGRAM;

/// A cluster with the program on it and keys that can pay, and nothing else.
struct Fresh {
    chain: RpcChain,
    deployment: Deployment,
    keys: Keys,
    program: Vec<u8>,
    node: Node,
}

impl Fresh {
    fn start() -> Self {
        let node = Node::start(0, Blocks::PerTransaction).unwrap();
        let (mut chain, keys, program) = (RpcChain::at(&node.url()), setup::keys(), rpc::program().unwrap());
        for key in [keys.payer.pubkey(), keys.governor.pubkey()] {
            chain.airdrop(&key, 100_000_000_000).unwrap();
        }
        chain.install(&PROGRAM_ID, &program, &keys.governor.pubkey()).unwrap();
        Self { chain, deployment: Deployment::localnet().unwrap(), keys, program, node: node }
    }

    /// Writes an account as only a cluster of one's own allows.
    fn put(&self, key: Pubkey, account: Account) {
        RpcChain::at(&self.node.url()).put(key, account).unwrap();
    }

    fn cluster(&self) -> &Cluster {
        self.chain.cluster()
    }

    fn context(&self) -> Context<'_> {
        Context { cluster: self.cluster(), deployment: &self.deployment, keys: &self.keys, program: &self.program }
    }

    /// Every account that the migrations could have written, byte for byte.
    fn state(&self) -> BTreeMap<Pubkey, Vec<u8>> {
        let owners = [PROGRAM_ID, TOKEN_PROGRAM];
        owners.iter().flat_map(|owner| self.chain.program_accounts(owner)).map(|(key, account)| (key, account.data)).collect()
    }
}

fn did(outcomes: &[Outcome]) -> Vec<&'static str> {
    outcomes.iter().filter(|outcome| outcome.was_missing.is_some()).map(|outcome| outcome.step).collect()
}

#[test]
fn a_second_run_finds_everything_and_sends_nothing() {
    let fresh = Fresh::start();
    let all = ["002 quote mint", "003 exchange", "004 markets", "005 collaterals", "006 insurance", "007 groups", "008 quote feed"];
    assert_eq!(did(&check(&fresh.context()).unwrap()), all, "a check tells what a run would do");
    assert_eq!(fresh.cluster().sent(), 0, "and sends nothing");

    assert_eq!(did(&run(&fresh.context()).unwrap()), all);
    let (state, sent) = (fresh.state(), fresh.cluster().sent());
    assert_eq!(did(&run(&fresh.context()).unwrap()), Vec::<&str>::new());
    assert_eq!(fresh.cluster().sent(), sent);
    assert!(fresh.state() == state, "a second run changes no byte");

    // What is there is what the description asks for.
    let addresses = fresh.context().addresses().unwrap();
    let exchange: Exchange = fresh.cluster().read(&addresses.exchange).unwrap().unwrap();
    assert_eq!((exchange.markets, exchange.collaterals, exchange.guardian), (3, 1, fresh.keys.governor.pubkey()));
    assert_eq!(exchange.outflow.params.hourly, (1 << 30) / 100);
    for (expected, at) in fresh.deployment.markets.iter().zip(&addresses.markets) {
        let market: Market = fresh.cluster().read(&at.market).unwrap().unwrap();
        assert_eq!((market.feed, market.params.tier_im), (expected.feed().unwrap(), (1 << 30) / 20));
        assert_eq!(market.group, addresses.groups[0].group);
    }
    let majors: RiskGroup = fresh.cluster().read(&addresses.groups[0].group).unwrap().unwrap();
    assert_eq!(majors.members(), addresses.markets.iter().map(|at| at.market).collect::<Vec<_>>());
    assert_eq!((majors.params.floor_share, majors.params.warm_up), ((1 << 30) / 4 * 3, 288));
    let quote = fresh.deployment.quote_feed.as_ref().unwrap().args("USDC").unwrap();
    assert_eq!((exchange.quote_feed, exchange.peg.exponent), (quote.feed, quote.exponent));
    let fund: InsuranceFund = fresh.cluster().read(&addresses.insurance).unwrap().unwrap();
    let vault = fresh.cluster().tokens(&addresses.insurance_vault).unwrap();
    assert_eq!((fund.balance, vault), (fresh.deployment.insurance, fresh.deployment.insurance.unsigned_abs()));

    // What the fund pays out later is no reason to fill it up again.
    let mut paid_out = fresh.chain.account(&addresses.insurance).unwrap();
    let at = 8 + std::mem::offset_of!(InsuranceFund, balance);
    paid_out.data[at..at + 8].copy_from_slice(&7_i64.to_le_bytes());
    fresh.put(addresses.insurance, paid_out);
    assert_eq!(fresh.cluster().read::<InsuranceFund>(&addresses.insurance).unwrap().unwrap().balance, 7);
    assert_eq!(did(&run(&fresh.context()).unwrap()), Vec::<&str>::new());
    assert_eq!(fresh.cluster().sent(), sent);
}

#[test]
fn a_run_that_broke_off_is_resumed_where_it_stopped() {
    let mut fresh = Fresh::start();
    // Between two steps.
    assert_eq!(did(&run_through(&fresh.context(), 3).unwrap()), ["002 quote mint", "003 exchange"]);
    // In the middle of one: of three markets only the first is listed, and the collateral has a mint but no listing.
    let later = fresh.deployment.markets.split_off(1);
    run_through(&fresh.context(), 4).unwrap();
    fresh.deployment.markets.extend(later);
    let outcomes = run(&fresh.context()).unwrap();
    assert_eq!(did(&outcomes), ["004 markets", "005 collaterals", "006 insurance", "007 groups", "008 quote feed"]);
    assert_eq!(outcomes[3].was_missing.as_deref(), Some("BTC, ETH"));
    // More insurance is asked for: only the difference is paid in.
    let sent = fresh.cluster().sent();
    fresh.deployment.insurance += 5;
    assert_eq!(run(&fresh.context()).unwrap()[5].was_missing.as_deref(), Some("5 atoms in the insurance fund"));
    assert_eq!(fresh.cluster().sent() - sent, 2, "one mint, one payment");
    let fund: InsuranceFund = fresh.cluster().read(&fresh.context().addresses().unwrap().insurance).unwrap().unwrap();
    assert_eq!(fund.paid_in, fresh.deployment.insurance);
}

#[test]
fn what_differs_from_the_description_is_named_and_left_alone() {
    let mut fresh = Fresh::start();
    run(&fresh.context()).unwrap();
    let (state, sent) = (fresh.state(), fresh.cluster().sent());
    let good = fresh.deployment.clone();
    type Change = fn(&mut Deployment);
    let changes: [(&str, Change); 8] = [
        ("the exchange has the guardian", |deployment| deployment.guardian = Some(Pubkey::new_unique().to_string())),
        ("market 0 is SOL, not BTC", |deployment| deployment.markets.swap(0, 1)),
        ("market ETH has another feed", |deployment| deployment.markets[2].feed = "07".repeat(32)),
        ("market SOL has other units", |deployment| deployment.markets[0].lot_exponent = 3),
        ("the collateral SOL is priced by", |deployment| deployment.collaterals[0].market = "ETH".to_owned()),
        ("the group majors has other markets", |deployment| deployment.groups[0].markets.swap(0, 1)),
        ("the quote token has another feed", |deployment| deployment.quote_feed.as_mut().unwrap().exponent = -6),
        ("market SOL belongs to the group", |deployment| {
            let twin = Group { name: "twin".to_owned(), ..deployment.groups[0].clone() };
            deployment.groups.push(twin);
        }),
    ];
    for (expected, change) in changes {
        fresh.deployment = good.clone();
        change(&mut fresh.deployment);
        let error = format!("{:#}", run(&fresh.context()).unwrap_err());
        assert!(error.contains(expected), "{error}");
    }
    fresh.deployment = good;
    // Another build of the program is not taken for this one.
    fresh.program[1_000] ^= 1;
    let error = format!("{:#}", run(&fresh.context()).unwrap_err());
    assert!(error.contains("not the one that was built") && error.contains(&fresh.keys.governor.pubkey().to_string()), "{error}");
    assert!(fresh.cluster().sent() == sent && fresh.state() == state, "nothing was sent, nothing has changed");
}

#[test]
fn somebody_elses_key_lists_no_market_of_this_exchange() {
    let mut fresh = Fresh::start();
    run(&fresh.context()).unwrap();
    let own = fresh.context().addresses().unwrap();
    let before = fresh.chain.account(&own.exchange).unwrap();
    // Another governor gets an exchange of his own, at another address.
    fresh.keys.governor = Keypair::new_from_array([9; 32]);
    let (payer, governor) = (fresh.keys.payer.pubkey(), fresh.keys.governor.pubkey());
    fresh.chain.airdrop(&governor, 100_000_000_000).unwrap();
    run(&fresh.context()).unwrap();
    assert_ne!(fresh.context().addresses().unwrap().exchange, own.exchange);
    // With a book of his own he tries to list a market in the first one.
    let book = seeded(&governor, "intruder", &PROGRAM_ID).unwrap();
    let (rent, space) = (fresh.chain.rent(OrderBook::SPACE), OrderBook::SPACE.try_into().unwrap());
    let create = create_account_with_seed(&payer, &book, &governor, "intruder", rent, space, &PROGRAM_ID);
    let mut list = build::create_market(payer, governor, book, fresh.deployment.markets[0].args(3).unwrap());
    let market = address::market(&own.exchange, 3);
    for meta in &mut list.accounts {
        let his = [address::exchange(&governor), address::market(&address::exchange(&governor), 3)];
        meta.pubkey = if meta.pubkey == his[0] {
            own.exchange
        } else if meta.pubkey == his[1] {
            market
        } else {
            meta.pubkey
        };
    }
    let error = fresh.cluster().send(&[create, list], &[&fresh.keys.payer, &fresh.keys.governor]).unwrap_err();
    assert!(error.to_string().contains("NotGovernor"), "{error}");
    assert_eq!(fresh.chain.account(&own.exchange).unwrap().data, before.data);
    assert!(fresh.chain.account(&market).is_none() && fresh.chain.account(&book).is_none());
}

#[test]
fn the_loader_deploys_in_pieces_and_a_later_run_sends_the_missing_ones() {
    let fresh = Fresh::start();
    let bytes = std::fs::read(program_path().with_file_name("sbf_check.so")).expect("run `cargo xtask bytecode` first");
    let (payer, authority) = (&fresh.keys.payer, &fresh.keys.governor);
    let [program, buffer, other] = [11, 12, 13].map(|seed| Keypair::new_from_array([seed; 32]));
    assert_eq!(loader::look(fresh.cluster(), &program.pubkey(), &bytes).unwrap(), None);
    let pieces = loader::fill_buffer(fresh.cluster(), payer, authority, &buffer, &bytes).unwrap();
    assert_eq!(pieces, bytes.len().div_ceil(900));
    // A run that broke off: three pieces are overwritten with zeros, as if they had never arrived.
    let mut lost = fresh.chain.account(&buffer.pubkey()).unwrap();
    for piece in [1, 40, pieces - 1] {
        let end = (37 + (piece + 1) * 900).min(lost.data.len());
        lost.data[37 + piece * 900..end].fill(0);
    }
    fresh.put(buffer.pubkey(), lost);
    assert_eq!(loader::fill_buffer(fresh.cluster(), payer, authority, &buffer, &bytes).unwrap(), 3);
    assert_eq!(loader::fill_buffer(fresh.cluster(), payer, authority, &buffer, &bytes).unwrap(), 0);
    // Nobody else's buffer is written to, and none that is too small.
    let error = loader::fill_buffer(fresh.cluster(), payer, payer, &buffer, &bytes).unwrap_err().to_string();
    assert!(error.contains("another authority"), "{error}");
    loader::fill_buffer(fresh.cluster(), payer, authority, &other, &bytes[..1_000]).unwrap();
    let error = loader::fill_buffer(fresh.cluster(), payer, authority, &other, &bytes).unwrap_err().to_string();
    assert!(error.contains("smaller than the program"), "{error}");

    loader::deploy(fresh.cluster(), payer, authority, &buffer.pubkey(), &program, bytes.len()).unwrap();
    let deployed = loader::look(fresh.cluster(), &program.pubkey(), &bytes).unwrap().unwrap();
    assert_eq!(deployed, loader::Deployed { authority: Some(authority.pubkey()), is_expected: true });
    let altered = [&bytes[..bytes.len() - 1], &[bytes[bytes.len() - 1] ^ 1]].concat();
    assert!(!loader::look(fresh.cluster(), &program.pubkey(), &altered).unwrap().unwrap().is_expected);
}
