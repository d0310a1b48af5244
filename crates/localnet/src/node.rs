//! The cluster itself: started on given or free ports of the loopback interface, stopped with its ports free again.

use anyhow::{anyhow, bail, ensure, Context, Result};
use crossbeam_channel::{unbounded, Receiver, Sender};
use std::net::{Ipv4Addr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};
use surfpool_core::runloops::start_local_surfnet_runloop;
use surfpool_core::surfnet::locker::SurfnetSvmLocker;
use surfpool_core::surfnet::svm::{SurfnetSvm, SurfnetSvmConfig};
use surfpool_types::{BlockProductionMode, RpcConfig, SimnetCommand, SimnetConfig, SimnetEvent, SurfpoolConfig};

/// Where clients look for a cluster of one's own.
pub const PORT: u16 = 8_899;
/// Only this machine can connect.
const HOST: Ipv4Addr = Ipv4Addr::LOCALHOST;
/// How long a start or a stop may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The servers that stop: HTTP and WebSocket.
const SERVERS: usize = 2;

/// How blocks come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocks {
    /// One every 200 ms: time passes as it does outside.
    Clock,
    /// One after each transaction, and time stands still between them unless it is moved.
    PerTransaction,
}

impl Blocks {
    /// Milliseconds by which a block advances the clock.
    fn slot_time(self) -> u64 {
        match self {
            Self::Clock => 200,
            Self::PerTransaction => 1,
        }
    }
}

/// A running cluster. Dropping it stops it without waiting.
pub struct Node {
    port: u16,
    websocket_port: u16,
    commands: Sender<SimnetCommand>,
    stopped: Receiver<()>,
}

impl Node {
    /// Starts a cluster whose RPC listens on `port` and its WebSocket on the next one; port 0 takes two free ones. Errors: a port is taken.
    pub fn start(port: u16, blocks: Blocks) -> Result<Self> {
        let (port, websocket_port) =
            if port == 0 { (free_port()?, free_port()?) } else { (port, port.checked_add(1).context("no such port")?) };
        for port in [port, websocket_port] {
            TcpListener::bind((HOST, port)).with_context(|| format!("port {port} is taken: choose another with --port"))?;
        }
        let (config, machine) = (config(port, websocket_port, blocks), machine_config(blocks));
        let (svm, events, geyser) = SurfnetSvm::new(machine).map_err(|error| anyhow!("the cluster does not start: {error}"))?;
        let locker = SurfnetSvmLocker::new(svm);
        let (commands, orders) = unbounded();
        let to_servers = commands.clone();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        thread::Builder::new().name("cluster".to_owned()).spawn(move || {
            let run = start_local_surfnet_runloop(locker, config, to_servers, orders, geyser);
            if let Err(error) = runtime.block_on(run) {
                eprintln!("the cluster stopped: {error}");
            }
            // Its servers own runtimes of their own, which must not be waited for inside this one.
            runtime.shutdown_background();
        })?;
        wait_until_ready(&events)?;
        let (tell, stopped) = unbounded();
        thread::Builder::new().name("cluster events".to_owned()).spawn(move || watch(&events, &tell))?;
        Ok(Self { port, websocket_port, commands, stopped })
    }

    /// Address of JSON-RPC.
    pub fn url(&self) -> String {
        format!("http://{HOST}:{}", self.port)
    }

    /// Address of subscriptions.
    pub fn websocket_url(&self) -> String {
        format!("ws://{HOST}:{}", self.websocket_port)
    }

    /// Stops the cluster and waits until its ports are free.
    pub fn stop(self) -> Result<()> {
        ensure!(self.commands.send(SimnetCommand::Terminate(None)).is_ok(), "the cluster had stopped already");
        self.stopped.recv_timeout(PATIENCE).context("the cluster did not stop in time")?;
        let start = Instant::now();
        while [self.port, self.websocket_port].iter().any(|port| TcpListener::bind((HOST, *port)).is_err()) {
            ensure!(start.elapsed() < PATIENCE, "the cluster stopped, but its ports are still taken");
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // An error means that it has stopped.
        let _ = self.commands.send(SimnetCommand::Terminate(None));
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((HOST, 0)).and_then(|listener| listener.local_addr()).context("no free port")?.port())
}

fn config(port: u16, websocket_port: u16, blocks: Blocks) -> SurfpoolConfig {
    let block_production_mode = match blocks {
        Blocks::Clock => BlockProductionMode::Clock,
        Blocks::PerTransaction => BlockProductionMode::Transaction,
    };
    let simnet = SimnetConfig {
        offline_mode: true,
        remote_rpc_url: None,
        slot_time: blocks.slot_time(),
        block_production_mode,
        instruction_profiling_enabled: false,
        log_bytes_limit: None,
        ..SimnetConfig::default()
    };
    let rpc = RpcConfig { bind_host: HOST.to_string(), bind_port: port, ws_port: websocket_port, ..RpcConfig::default() };
    SurfpoolConfig { simnets: vec![simnet], rpc, ..SurfpoolConfig::default() }
}

fn machine_config(blocks: Blocks) -> SurfnetSvmConfig {
    SurfnetSvmConfig {
        slot_time: blocks.slot_time(),
        instruction_profiling_enabled: false,
        log_bytes_limit: None,
        ..SurfnetSvmConfig::default()
    }
}

fn wait_until_ready(events: &Receiver<SimnetEvent>) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match events.recv_deadline(deadline).context("the cluster did not start in time")? {
            SimnetEvent::CoreStarted(_) => return Ok(()),
            SimnetEvent::Aborted(error) => bail!("the cluster does not start: {error}"),
            SimnetEvent::Shutdown => bail!("the cluster stopped while it started"),
            _ => {}
        }
    }
}

/// Takes events off their channel, which would grow without end, until both servers have stopped.
fn watch(events: &Receiver<SimnetEvent>, tell: &Sender<()>) {
    let shutdowns = events.iter().filter(|event| matches!(event, SimnetEvent::Shutdown));
    if shutdowns.take(SERVERS).count() == SERVERS {
        // Nobody may be waiting.
        let _ = tell.send(());
    }
}
