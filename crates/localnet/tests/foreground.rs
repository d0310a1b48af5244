//! The commands as a person uses them: the localnet in the foreground until it is interrupted, and the replay over JSON-RPC.

use anchor_spl::token::spl_token::instruction as spl_token;
use plimsoll_localnet::rpc::RpcChain;
use plimsoll_localnet::setup;
use plimsoll_replay::world::Chain;
use plimsoll_sdk::build::{self, MarketKeys, OpenAccountArgs, OrderArgs, Portfolio, Token};
use plimsoll_sdk::decode;
use plimsoll_sdk::state::{MarginAccount, Market};
use plimsoll_sdk::{address, PROGRAM_ID};
use serde_json::Value;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The localnet as a process of its own; killed if a test ends without having stopped it.
struct Foreground {
    child: Child,
    told: Value,
}

impl Foreground {
    fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll-localnet"));
        let mut child = command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, told: serde_json::from_str(&line).unwrap() }
    }

    fn key(&self, pointer: &str) -> Pubkey {
        self.told.pointer(pointer).unwrap().as_str().unwrap().parse().unwrap()
    }

    fn url(&self) -> String {
        self.told["rpc"].as_str().unwrap().to_owned()
    }

    /// What Ctrl-C sends. Whether the process ended well.
    fn interrupt(mut self) -> bool {
        let status = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
        self.child.wait().unwrap().success()
    }
}

impl Drop for Foreground {
    fn drop(&mut self) {
        // An error means that it has ended.
        let _ = self.child.kill();
    }
}

fn port(url: &str) -> u16 {
    url.rsplit(':').next().unwrap().parse().unwrap()
}

#[test]
fn a_client_trades_on_the_localnet_and_ctrl_c_frees_its_ports() {
    let localnet = Foreground::start(&["--port", "0", "--json"]);
    let mut chain = RpcChain::at(&localnet.url());
    let market = localnet.key("/addresses/markets/0/market");
    let read = |chain: &RpcChain| decode::layout::<Market>(&chain.account(&market).unwrap().data).unwrap();

    // Prices are genuine accounts of the receiver, and go on being published.
    let price_account = chain.account(&localnet.key("/price_accounts/SOL")).unwrap();
    assert_eq!(price_account.owner, plimsoll_replay::world::pyth::RECEIVER);
    let first = read(&chain);
    let start = Instant::now();
    while read(&chain).oracle.publish == first.oracle.publish {
        assert!(start.elapsed() < Duration::from_secs(20), "no new price");
        std::thread::sleep(Duration::from_millis(100));
    }

    // Two newcomers with keys of their own deposit and trade with each other.
    let quote = Token { mint: localnet.key("/addresses/quote_mint"), program: plimsoll_migrations::deployment::TOKEN_PROGRAM };
    let (exchange, book) = (localnet.key("/addresses/exchange"), localnet.key("/addresses/markets/0/book"));
    let members = [21, 22].map(|seed| Keypair::new_from_array([seed; 32]));
    for member in &members {
        chain.airdrop(&member.pubkey(), 10_000_000_000).unwrap();
        let wallet = wallet(&chain, &quote, member);
        let account = address::margin_account(&exchange, &member.pubkey(), 0);
        let open = build::open_account(
            member.pubkey(),
            member.pubkey(),
            exchange,
            OpenAccountArgs { number: 0, delegate: Pubkey::default(), daily_loss_cap: 0 },
        );
        let deposit = build::deposit(member.pubkey(), exchange, account, quote, wallet, 1_000_000_000);
        chain.cluster().send(&[open, deposit], &[member]).unwrap();
    }
    let [maker, taker] = members.each_ref().map(|member| address::margin_account(&exchange, &member.pubkey(), 0));
    let keys = MarketKeys { market, book };
    let place = |who: &Keypair, account: Pubkey, side: u8, kind: u8, makers: &[Pubkey]| -> Instruction {
        let price = read(&chain).oracle.price;
        let args = OrderArgs { side, kind, reduce_only: false, price, lots: 100, expiry: 0, client_id: 0, max_fills: 8 };
        build::place_order(who.pubkey(), account, keys, args, &Portfolio::default(), makers)
    };
    // Both in one transaction, so that no new price comes between them.
    let trade = [place(&members[0], maker, 1, 0, &[]), place(&members[1], taker, 0, 1, &[maker])];
    chain.cluster().send(&trade, &[&members[0], &members[1]]).unwrap();
    let lots = |account: &Pubkey| {
        let member: MarginAccount = decode::layout(&chain.account(account).unwrap().data).unwrap();
        member.perp_index(&market).map(|slot| member.perps[slot].position.lots)
    };
    assert_eq!((lots(&maker), lots(&taker)), (Some(-100), Some(100)));
    assert!(chain.program_accounts(&PROGRAM_ID).len() >= 10, "exchange, fund, three markets and books, collateral, two members");

    // The migrations as a command find everything in place, and a stranger's key an empty cluster.
    let [payer, governor] = ["payer", "governor"].map(|name| localnet.told["keys"][name].as_str().unwrap().to_owned());
    let url = localnet.url();
    let migrate = |governor: &str| {
        let arguments = ["--url", &url, "--payer", &payer, "--governor", governor, "--check", "--json"].map(str::to_owned);
        let told: Value = serde_json::from_str(&plimsoll_migrations::command::execute(&arguments).unwrap()).unwrap();
        assert_eq!(told["transactions"], 0, "a check sends nothing");
        told["steps"].as_array().unwrap().iter().filter(|step| !step["was_missing"].is_null()).count()
    };
    assert_eq!(migrate(&governor), 0);
    let stranger = std::env::temp_dir().join(format!("plimsoll-stranger-{}.json", std::process::id()));
    std::fs::write(&stranger, serde_json::to_string(&members[0].to_bytes().to_vec()).unwrap()).unwrap();
    assert_eq!(migrate(stranger.to_str().unwrap()), 7, "all but the program");
    std::fs::remove_file(&stranger).unwrap();

    // A second localnet on the same port is refused with advice, and the first does not mind.
    let port = port(&localnet.url());
    let mut second = Command::new(env!("CARGO_BIN_EXE_plimsoll-localnet"));
    let refused = second.args(["--port", &port.to_string()]).stdin(Stdio::null()).output().unwrap();
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("choose another with --port"));
    assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());

    assert!(localnet.interrupt());
    assert!(TcpListener::bind(("127.0.0.1", port)).is_ok(), "the port is free again");
}

/// A token account of `owner` with 1,000 USDC, minted by the development governor.
fn wallet(chain: &RpcChain, quote: &Token, owner: &Keypair) -> Pubkey {
    let (governor, wallet) = (setup::keys().governor, Keypair::new_from_array(owner.pubkey().to_bytes()));
    let rent = chain.rent(165);
    let spl = |instruction: Result<Instruction, _>| instruction.unwrap();
    let create = [
        solana_system_interface::instruction::create_account(&owner.pubkey(), &wallet.pubkey(), rent, 165, &quote.program),
        spl(spl_token::initialize_account3(&quote.program, &wallet.pubkey(), &quote.mint, &owner.pubkey())),
        spl(spl_token::mint_to(&quote.program, &quote.mint, &wallet.pubkey(), &governor.pubkey(), &[], 1_000_000_000)),
    ];
    chain.cluster().send(&create, &[owner, &wallet, &governor]).unwrap();
    wallet.pubkey()
}

#[test]
fn the_replay_over_json_rpc_accounts_for_everything() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll-rpc-demo"));
    let out = command.args(["--json", "--accounts", "12"]).stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(out.status.success(), "{text}\n{}", String::from_utf8_lossy(&out.stderr));
    let totals: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    for zero in ["token_difference", "position_difference", "bad_debt_uncovered"] {
        assert_eq!(totals[zero], 0, "{zero}");
    }
    assert!(totals["liquidations"].as_u64().unwrap() > 0 && totals["keeper_income"].as_i64().unwrap() > 0, "{totals}");
    assert_eq!(totals["accounts"], 12 + 2 + 4, "traders, makers, keepers");
}
