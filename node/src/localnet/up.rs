//! `localnet up`: make the network, start its nodes, wait until blocks are final and the providers registered.

use super::{
    disk, layout, namespaces,
    network::{self, Network, Node, Role},
    process, show, stop_all,
    system::require_root,
    Net, UpArgs,
};
use crate::{cli::Global, error::UserError};
use sp_core::crypto::Ss58Codec;
use station_client_rpc::client::Client;
use station_primitives::AccountId;
use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

/// How long a network may take to come up before that is called a failure. Three times what is promised, for machines
/// that are busy with something else.
const PATIENCE: Duration = Duration::from_secs(180);
/// How often it is asked how far it is.
const POLL: Duration = Duration::from_millis(250);
/// Lines of a log that are shown when its node died.
const LAST_LINES: usize = 12;

/// `up`.
pub fn run(args: &UpArgs, global: &Global) -> Result<(), UserError> {
    // Said before anything is made.
    if args.net == Net::Namespaces {
        require_root("--net namespaces")?;
    }
    if args.disk.is_some() {
        require_root("--disk")?;
    }
    fs::create_dir_all(&args.dir)
        .map_err(|error| UserError::disk(format!("{} cannot be made: {error}", args.dir.display())))?;
    let dir = fs::canonicalize(&args.dir)?;
    if dir.to_str().is_none() {
        return Err(UserError::usage("the folder's name must be UTF-8").hint("name another folder with --dir"));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let started = Instant::now();

    let result = launch(args, &dir, global).and_then(|network| {
        runtime.block_on(async {
            tokio::select! {
                ready = ready(&dir, &network, global) => ready,
                () = interrupted() => Err(UserError::network("interrupted before the network was up").hint("what had started was stopped")),
            }
        })
    });
    if let Err(error) = result {
        // What was started is not left behind; the first failure is the one to report.
        if error.code != crate::error::Code::Usage {
            let _ = stop_all(&dir);
        }
        return Err(error);
    }
    show(&Network::load(&dir)?, global);
    if !global.json {
        eprintln!("up after {:.1} s", started.elapsed().as_secs_f32());
    }
    if args.detach {
        return Ok(());
    }
    if !global.json {
        eprintln!("Ctrl-C stops all");
    }
    runtime.block_on(interrupted());
    stop_all(&dir)?;
    Ok(())
}

/// Completes on Ctrl-C, or when asked to end otherwise.
async fn interrupted() {
    use tokio::signal::unix::{signal, SignalKind};
    let (Ok(mut term), Ok(mut hangup)) = (signal(SignalKind::terminate()), signal(SignalKind::hangup())) else {
        // Without handlers the default applies: the signal ends the process.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {},
        _ = term.recv() => {},
        _ = hangup.recv() => {},
    }
}

/// Makes the network if there is none, and starts every node that does not run.
fn launch(args: &UpArgs, dir: &Path, global: &Global) -> Result<Network, UserError> {
    if !Network::exists(dir) {
        let _lock = network::lock(dir)?;
        layout::make(args, dir)?.save(dir)?;
    }
    Network::change(dir, |network| {
        fits(network, args)?;
        if network.nodes.iter().any(|node| node.running().is_some()) {
            return Err(UserError::usage(format!("the network in {} is running already", dir.display()))
                .hint(format!("stop it: station localnet down --dir {}", dir.display())));
        }
        namespaces::set_up(network).and_then(|()| disk::mount_all(network, args.disk)).inspect_err(|_| {
            // Half of it is of no use; the failure is what to report.
            let _ = disk::unmount_all(network);
            let _ = namespaces::tear_down(network);
        })?;
        // A process of ours is waited for, or it would stay behind as a zombie while this one runs.
        for node in &mut network.nodes {
            let mut child = process::spawn(node)?;
            node.mark_running(child.id());
            std::thread::spawn(move || child.wait());
        }
        if !global.json {
            eprintln!("{} nodes started in {}", network.nodes.len(), dir.display());
        }
        Ok(network.clone())
    })
}

/// Whether a network that is there already is the one asked for.
fn fits(network: &Network, args: &UpArgs) -> Result<(), UserError> {
    let count = |role| network.nodes.iter().filter(|node| node.role == role).count();
    let (validators, providers) = (count(Role::Validator), count(Role::Provider));
    if validators == usize::from(args.validators) && providers == usize::from(args.providers) {
        let net = |net| if net == Net::Loopback { "loopback" } else { "namespaces" };
        return if network.net == args.net {
            Ok(())
        } else {
            Err(UserError::usage(format!("the folder holds a network of the kind {}", net(network.net)))
                .hint(format!("add --net {}, or use another folder", net(network.net))))
        };
    }
    Err(UserError::usage(format!("the folder holds a network of {validators} validators and {providers} providers"))
        .hint("ask for as many, or use another folder"))
}

/// Waits until a block after the genesis is final and every provider is registered.
async fn ready(dir: &Path, network: &Network, global: &Global) -> Result<(), UserError> {
    let until = Instant::now() + PATIENCE;
    let client = loop {
        match Client::connect(&network.rpc).await {
            Ok(client) => break client,
            Err(error) => pause(dir, until, &format!("the first validator does not answer: {error}")).await?,
        }
    };
    // A network that goes on has final blocks from before.
    let before = client.finalized().await.map_or(0, |block| block.number);
    while !client.finalized().await.is_ok_and(|block| block.number > before) {
        pause(dir, until, "no block became final").await?;
    }
    if !global.json {
        eprintln!("blocks are final");
    }
    for node in network.nodes.iter().filter(|node| node.role == Role::Provider) {
        let account =
            AccountId::from_ss58check(&node.account).map_err(|error| UserError::internal(format!("{error:?}")))?;
        let registered = || async {
            let info = client.provider(&account).await.ok().flatten()?;
            (info.collateral > 0).then_some(())
        };
        while registered().await.is_none() {
            pause(dir, until, &format!("{} did not register", node.name)).await?;
        }
    }
    if !global.json {
        eprintln!("all providers are registered");
    }
    Ok(())
}

/// Waits a moment; fails if a node died, or when patience is over.
async fn pause(dir: &Path, until: Instant, why: &str) -> Result<(), UserError> {
    let network = Network::load(dir)?;
    if let Some(dead) = network.nodes.iter().find(|node| node.running().is_none()) {
        let log = fs::read_to_string(&dead.log).unwrap_or_default();
        let mut lines: Vec<&str> = log.lines().rev().take(LAST_LINES).collect();
        lines.reverse();
        return Err(UserError::internal(format!("{} ended; its log ends with\n{}", dead.name, lines.join("\n")))
            .hint(format!("see {}", dead.log.display())));
    }
    if Instant::now() >= until {
        return Err(UserError::network(format!("the network did not come up in {} s: {why}", PATIENCE.as_secs()))
            .hint(format!("see the logs in {}", dir.join("logs").display())));
    }
    tokio::time::sleep(POLL).await;
    Ok(())
}

/// Waits until a node that was started answers on its port.
pub fn wait_for_rpc(node: &Node) -> Result<(), UserError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let until = Instant::now() + PATIENCE;
    runtime.block_on(async {
        loop {
            let Err(error) = Client::connect(&node.rpc).await else {
                return Ok(());
            };
            if node.running().is_none() {
                return Err(
                    UserError::internal(format!("{} ended", node.name)).hint(format!("see {}", node.log.display()))
                );
            }
            if Instant::now() >= until {
                return Err(UserError::network(format!("{} does not answer: {error}", node.name))
                    .hint(format!("see {}", node.log.display())));
            }
            tokio::time::sleep(POLL).await;
        }
    })
}
