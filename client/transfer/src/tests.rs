//! Peers and servers over loopback, honest and not.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

mod hostile;
mod real_network;
mod served;
mod slow_line;

use crate::{
    client::{Options, Peer},
    protocol::{self, Info, Node, Piece, Refusal, UploadState},
    server::{Backend, Quotas, Server},
};
use futures::StreamExt;
use litep2p::{
    config::ConfigBuilder,
    protocol::request_response::{ConfigBuilder as ProtocolConfig, RequestResponseEvent, RequestResponseHandle},
    transport::tcp::config::Config as TcpConfig,
    Litep2p, ProtocolName,
};
use parking_lot::Mutex;
use sc_network::request_responses::IncomingRequest;
use station_primitives::{AccountId, ReplicaId, ShardId};
use std::{collections::HashMap, sync::Arc, time::Duration};

const GENESIS: [u8; 32] = [7; 32];

fn impatient() -> Options {
    Options {
        request_timeout: Duration::from_millis(700),
        dial_timeout: Duration::from_secs(2),
        patience: Duration::from_secs(5),
        attempts: 2,
        ..Options::default()
    }
}

/// A backend in memory that counts what it does at once.
#[derive(Default)]
struct Memory {
    pieces: Mutex<HashMap<(ShardId, u32), Piece>>,
    at_once: Mutex<(usize, usize)>,
    /// How long each piece takes.
    delay: Duration,
    /// Refuse so many requests first.
    refuse: Mutex<(u32, Option<Refusal>)>,
}

impl Memory {
    fn work<T>(&self, job: impl FnOnce() -> T) -> Result<T, Refusal> {
        {
            let mut refuse = self.refuse.lock();
            if let (left @ 1.., Some(refusal)) = *refuse {
                *refuse = (left - 1, Some(refusal));
                return Err(refusal);
            }
        }
        {
            let mut at_once = self.at_once.lock();
            at_once.0 += 1;
            at_once.1 = at_once.1.max(at_once.0);
        }
        std::thread::sleep(self.delay);
        let result = job();
        self.at_once.lock().0 -= 1;
        Ok(result)
    }
}

const PIECES: u32 = 8;

impl Backend for Memory {
    fn info(&self) -> Result<Info, Refusal> {
        self.work(|| Info { provider: AccountId::new([9; 32]), accepts_uploads: true, free: 5 })
    }

    fn upload_status(&self, replica: ReplicaId) -> Result<UploadState, Refusal> {
        self.work(|| {
            let held = self.pieces.lock();
            let mut have = vec![0u8; 1];
            for piece in 0..PIECES {
                if held.contains_key(&(replica.shard, piece)) {
                    have[0] |= 1 << piece;
                }
            }
            UploadState::Receiving { pieces: PIECES, have }
        })
    }

    fn accept_piece(
        &self,
        replica: ReplicaId,
        piece: u32,
        data: Vec<u8>,
        siblings: Vec<Node>,
    ) -> Result<bool, Refusal> {
        self.work(|| {
            let mut held = self.pieces.lock();
            held.insert((replica.shard, piece), Piece { data, siblings });
            held.keys().filter(|(shard, _)| *shard == replica.shard).count() == 8
        })
    }

    fn read_piece(&self, shard: ShardId, piece: u32) -> Result<Piece, Refusal> {
        self.work(|| self.pieces.lock().get(&(shard, piece)).cloned())?.ok_or(Refusal::NotFound)
    }
}

fn replica() -> ReplicaId {
    "7/0/2".parse().unwrap()
}

fn shard() -> ShardId {
    replica().shard
}

/// Bytes that differ from piece to piece.
fn data(piece: u32) -> Vec<u8> {
    (0..station_porep::PIECE_BYTES).map(|k| (k as u32).wrapping_mul(piece + 3) as u8).collect()
}

/// A litep2p node that listens on loopback, and its address with `/p2p/`.
fn node(genesis: &[u8; 32], max: usize) -> (Litep2p, RequestResponseHandle, Vec<u8>) {
    let (protocol, handle) = ProtocolConfig::new(ProtocolName::from(protocol::protocol_name(genesis)))
        .with_max_size(max)
        .with_timeout(Duration::from_secs(10))
        .build();
    let tcp = TcpConfig { listen_addresses: vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()], ..Default::default() };
    let config = ConfigBuilder::new().with_tcp(tcp).with_request_response_protocol(protocol).build();
    let litep2p = Litep2p::new(config).unwrap();
    let listen = litep2p.listen_addresses().next().unwrap().to_string();
    let peer = litep2p.local_peer_id().to_string();
    let address = if listen.contains("/p2p/") { listen } else { format!("{listen}/p2p/{peer}") };
    (litep2p, handle, address.into_bytes())
}

/// A provider: a litep2p node that hands requests to [`Server`] the way sc-network does.
async fn provider(backend: Arc<Memory>, quotas: Quotas) -> Vec<u8> {
    let (mut litep2p, mut handle, address) = node(&GENESIS, protocol::MAX_MESSAGE);
    let (queue, inbound) = async_channel::bounded(crate::server::QUEUE);
    tokio::spawn(Server::run_with(inbound, backend, quotas));
    tokio::spawn(async move {
        let mut answers = futures::stream::FuturesUnordered::new();
        loop {
            tokio::select! {
                event = litep2p.next_event() => if event.is_none() { return },
                event = handle.next() => match event {
                    Some(RequestResponseEvent::RequestReceived { peer, request_id, request, .. }) => {
                        let (answer, response) = futures::channel::oneshot::channel();
                        let incoming = IncomingRequest {
                            peer: peer.into(), payload: request, pending_response: answer,
                        };
                        match queue.try_send(incoming) {
                            Ok(()) => answers.push(async move { (request_id, response.await) }),
                            Err(_) => handle.reject_request(request_id),
                        }
                    }
                    Some(_) => {}
                    None => return,
                },
                Some((id, response)) = answers.next(), if !answers.is_empty() => {
                    let answer = response.ok().and_then(|response| Some((response.result.ok()?, response.sent_feedback)));
                    match answer {
                        Some((bytes, None)) => handle.send_response(id, bytes),
                        Some((bytes, Some(feedback))) => handle.send_response_with_feedback(id, bytes, feedback),
                        None => handle.reject_request(id),
                    }
                }
            }
        }
    });
    address
}

async fn honest() -> (Arc<Memory>, Vec<u8>, Peer) {
    let backend = Arc::new(Memory::default());
    let address = provider(Arc::clone(&backend), Quotas::default()).await;
    (backend, address, Peer::start_with(&GENESIS, impatient()).unwrap())
}
