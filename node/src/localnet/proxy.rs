//! The delay of `localnet delay`: a TCP proxy in front of a node's port for peers, which holds back every byte for a time.
//!
//! The node listens behind it, where only the proxy connects, and dials nobody: so all its connections pass here, in
//! both directions, and a round trip takes twice the delay longer.

use super::network::Node;
use crate::error::UserError;
use clap::Args;
use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{mpsc, Semaphore},
    time::{sleep_until, Instant},
};

/// The subcommand that runs it, hidden from people.
pub const COMMAND: &str = "delay-proxy";
/// What is read at once.
const CHUNK: usize = 64 << 10;
/// Chunks on their way in one direction of a connection: 4 MiB, as the window of a good TCP connection.
const IN_FLIGHT: usize = 64;
/// Connections at once: more than a network of the largest size makes.
const CONNECTIONS: usize = 256;

/// `delay-proxy`.
#[derive(Clone, Debug, Args)]
pub struct ProxyArgs {
    /// Where peers connect
    #[arg(long)]
    pub listen: SocketAddr,
    /// Where the node listens
    #[arg(long)]
    pub to: SocketAddr,
    /// How long every byte is held back, in milliseconds
    #[arg(long)]
    pub ms: u64,
    /// The node's folder: by it the process is known for this network's
    #[arg(long)]
    pub base_path: PathBuf,
}

/// The command line of a node's proxy.
pub fn args(node: &Node, listen: SocketAddr, to: SocketAddr, ms: u64) -> Vec<String> {
    let base_path = node.base_path.to_string_lossy().into_owned();
    let pairs = [
        ("--listen", listen.to_string()),
        ("--to", to.to_string()),
        ("--ms", ms.to_string()),
        ("--base-path", base_path),
    ];
    let options = pairs.into_iter().flat_map(|(option, value)| [option.to_string(), value]);
    ["localnet".to_string(), COMMAND.to_string()].into_iter().chain(options).collect()
}

/// Serves until the process is ended.
pub fn run(args: &ProxyArgs) -> Result<(), UserError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(args.listen)
            .await
            .map_err(|error| UserError::network(format!("{} cannot be listened at: {error}", args.listen)))?;
        serve(listener, args.to, Duration::from_millis(args.ms)).await
    })
}

async fn serve(listener: TcpListener, to: SocketAddr, delay: Duration) -> Result<(), UserError> {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let permit = room.clone().acquire_owned().await.map_err(UserError::internal)?;
        // A connection that is gone before it is accepted concerns nobody; without descriptors, it is tried again later.
        let Ok((peer, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        tokio::spawn(async move {
            let _permit = permit;
            // A refused connection is closed, which is what the peer would have seen.
            if let Ok(node) = TcpStream::connect(to).await {
                join(peer, node, delay).await;
            }
        });
    }
}

/// Both directions, until both have ended.
async fn join(peer: TcpStream, node: TcpStream, delay: Duration) {
    // Small messages go at once: the delay is to be this proxy's, not the kernel's.
    let _ = (peer.set_nodelay(true), node.set_nodelay(true));
    let (peer_in, peer_out) = peer.into_split();
    let (node_in, node_out) = node.into_split();
    tokio::join!(hold_back(peer_in, node_out, delay), hold_back(node_in, peer_out, delay));
}

/// Copies one direction; every chunk leaves `delay` after it came, in order.
async fn hold_back(mut from: impl AsyncReadExt + Unpin, mut to: impl AsyncWriteExt + Unpin, delay: Duration) {
    let (sender, mut held) = mpsc::channel::<(Instant, Vec<u8>)>(IN_FLIGHT);
    let read = async move {
        let mut buffer = vec![0; CHUNK];
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            let Some(chunk) = buffer.get(..count) else { break };
            if sender.send((Instant::now() + delay, chunk.to_vec())).await.is_err() {
                break;
            }
        }
    };
    let write = async move {
        while let Some((due, chunk)) = held.recv().await {
            sleep_until(due).await;
            if to.write_all(&chunk).await.is_err() {
                break;
            }
        }
        let _ = to.shutdown().await;
    };
    tokio::join!(read, write);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_arrives_in_order_and_late_and_the_end_too() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let local = SocketAddr::from(([127, 0, 0, 1], 0));
            let node = TcpListener::bind(local).await.expect("a port");
            let proxy = TcpListener::bind(local).await.expect("a port");
            let (to, listen) = (node.local_addr().expect("bound"), proxy.local_addr().expect("bound"));
            let delay = Duration::from_millis(80);
            let serving = tokio::spawn(serve(proxy, to, delay));

            // The node sends back what it gets.
            let echo = tokio::spawn(async move {
                let (mut stream, _) = node.accept().await.expect("a connection");
                let (mut input, mut output) = stream.split();
                tokio::io::copy(&mut input, &mut output).await.expect("an echo")
            });
            let mut peer = TcpStream::connect(listen).await.expect("connected");
            let sent: Vec<u8> = (0..500_000u32).flat_map(u32::to_le_bytes).collect();
            let started = Instant::now();
            let (mut input, mut output) = peer.split();
            let mut got = Vec::new();
            let write = async {
                output.write_all(&sent).await.expect("sent");
                output.shutdown().await.expect("ended");
            };
            let (_, read) = tokio::join!(write, input.read_to_end(&mut got));
            read.expect("the end");
            assert!(got == sent, "{} of {} bytes, or altered", got.len(), sent.len());
            assert!(started.elapsed() >= delay * 2, "there and back in {:?}", started.elapsed());
            assert_eq!(echo.await.expect("no panic"), 2_000_000);
            serving.abort();
        });
    }
}
