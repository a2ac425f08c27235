//! Peers of the transfer protocol that want to use up a provider: they run in this process, each with an identity of its own.

use codec::Encode;
use futures::StreamExt;
use litep2p::{
    config::ConfigBuilder,
    protocol::request_response::{
        ConfigBuilder as ProtocolConfig, DialOptions, RequestResponseEvent, RequestResponseHandle,
    },
    transport::tcp::config::Config as TcpConfig,
    Litep2p, Litep2pEvent, ProtocolName,
};
use station_client_transfer::{
    client::Address,
    protocol::{self, Refusal, Request, Response, MAX_MESSAGE},
};
use station_primitives::{ReplicaId, ShardId};
use station_tests::files;
use std::{
    sync::{
        atomic::{AtomicU64, Ordering},
        Arc,
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Between two looks at what is under way.
const PACE: Duration = Duration::from_millis(20);
/// Before a lost connection is made again.
const AGAIN: Duration = Duration::from_millis(500);
/// What a connection of [`Line::HalfUp`] carries: not half of an upload.
const HALF: usize = 300 << 10;
/// What a connection of [`Line::NotDown`] carries: enough to connect.
const CONNECT: usize = 16 << 10;

/// What an attacker sends.
#[derive(Clone, Copy, Debug)]
pub enum Vice {
    /// As many requests for good pieces as there is room for.
    Flood,
    /// Frames that are too long, no messages, or messages that ask for nothing that there is.
    Nonsense,
    /// Uploads that nobody asked for.
    Uploads,
}

/// What its connection is like.
#[derive(Clone, Copy, Debug)]
pub enum Line {
    /// As usual.
    Good,
    /// What the provider sends is not read.
    NotDown,
    /// Requests stop in their middle.
    HalfUp,
}

/// What came back, of all attackers together.
#[derive(Debug, Default)]
pub struct Answers {
    pub sent: AtomicU64,
    pub pieces: AtomicU64,
    pub busy: AtomicU64,
    pub refused: AtomicU64,
    pub failed: AtomicU64,
}

/// Attack a provider until the runtime ends.
pub async fn attack(
    genesis: [u8; 32],
    address: Vec<u8>,
    shard: ShardId,
    (vice, line, at_once): (Vice, Line, u64),
    answers: Arc<Answers>,
) {
    let address = match line {
        Line::Good => address,
        Line::NotDown | Line::HalfUp => through(&address, line).await,
    };
    let address = Address::parse(&address).expect("a provider's address; qed");
    let (mut litep2p, mut handle) = node(&genesis);
    let (mut connected, mut under_way, mut number) = (false, 0, 0);
    let mut dialled = tokio::time::Instant::now() - AGAIN;
    loop {
        if !connected && dialled.elapsed() >= AGAIN {
            dialled = tokio::time::Instant::now();
            let _ = litep2p.dial_address(address.multiaddr().clone()).await;
        }
        while connected && under_way < at_once {
            let bytes = request(vice, number, shard);
            number += 1;
            if handle.try_send_request(address.peer(), bytes, DialOptions::Reject).is_err() {
                break;
            }
            answers.sent.fetch_add(1, Ordering::Relaxed);
            under_way += 1;
        }
        tokio::select! {
            event = litep2p.next_event() => match event {
                Some(Litep2pEvent::ConnectionEstablished { .. }) => connected = true,
                Some(Litep2pEvent::ConnectionClosed { .. }) => (connected, under_way) = (false, 0),
                Some(_) => {}
                None => return,
            },
            event = handle.next() => {
                let counter = match event {
                    Some(RequestResponseEvent::ResponseReceived { response, .. }) => {
                        match protocol::decode_response(&response) {
                            Ok(Response::Refused(Refusal::Busy { .. })) => &answers.busy,
                            Ok(Response::Refused(_)) => &answers.refused,
                            _ => &answers.pieces,
                        }
                    }
                    Some(RequestResponseEvent::RequestFailed { .. }) => &answers.failed,
                    Some(RequestResponseEvent::RequestReceived { .. }) => continue,
                    None => return,
                };
                counter.fetch_add(1, Ordering::Relaxed);
                under_way = under_way.saturating_sub(1);
                if !matches!(vice, Vice::Flood) {
                    // These cost their sender more than the provider: a few a second.
                    tokio::time::sleep(PACE).await;
                }
            }
            () = tokio::time::sleep(PACE) => {}
        }
    }
}

fn request(vice: Vice, number: u64, shard: ShardId) -> Vec<u8> {
    let piece = 0;
    let elsewhere = ReplicaId { shard: ShardId { index: shard.index + 1_000, ..shard }, slot: 0 };
    let upload = |bytes: usize| {
        let data = files::noise(number, bytes);
        Request::UploadPiece { replica: elsewhere, piece, data, siblings: Vec::new() }.encode()
    };
    match (vice, number % 6) {
        (Vice::Flood, _) => Request::FetchPiece { shard, piece }.encode(),
        (Vice::Uploads, _) => upload(1 << 20),
        (Vice::Nonsense, 0) => vec![0; MAX_MESSAGE + 1],
        (Vice::Nonsense, 1) => vec![0xff; 10_000],
        (Vice::Nonsense, 2) => Vec::new(),
        (Vice::Nonsense, 3) => [Request::Info.encode(), vec![0]].concat(),
        (Vice::Nonsense, 4) => Request::PiecePart { shard, repair: Some(elsewhere), piece, from: u32::MAX }.encode(),
        (Vice::Nonsense, _) => Request::FetchPiece { shard, piece: u32::MAX }.encode(),
    }
}

fn node(genesis: &[u8; 32]) -> (Litep2p, RequestResponseHandle) {
    let (protocol, handle) = ProtocolConfig::new(ProtocolName::from(protocol::protocol_name(genesis)))
        .with_max_size(8 * MAX_MESSAGE)
        .with_timeout(Duration::from_secs(600))
        .build();
    let config = ConfigBuilder::new().with_tcp(TcpConfig::default()).with_request_response_protocol(protocol).build();
    (Litep2p::new(config).expect("a node of our own; qed"), handle)
}

/// An address that leads to the same provider over such a line.
async fn through(address: &[u8], line: Line) -> Vec<u8> {
    let address = std::str::from_utf8(address).expect("an address is text; qed");
    let (host, far) = host_and_port(address);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port; qed");
    let near = listener.local_addr().expect("it listens; qed").port();
    let identity = address.rsplit('/').next().expect("an identity; qed");
    let (up, down) = match line {
        Line::Good => (usize::MAX, usize::MAX),
        Line::NotDown => (usize::MAX, CONNECT),
        Line::HalfUp => (HALF, usize::MAX),
    };
    tokio::spawn(async move {
        while let Ok((ours, _)) = listener.accept().await {
            let Ok(provider) = TcpStream::connect((host.as_str(), far)).await else { continue };
            let (from_us, to_us) = ours.into_split();
            let (from_provider, to_provider) = provider.into_split();
            tokio::spawn(carry(from_us, to_provider, up));
            tokio::spawn(carry(from_provider, to_us, down));
        }
    });
    format!("/ip4/127.0.0.1/tcp/{near}/p2p/{identity}").into_bytes()
}

/// Carry so many bytes; then hold the line.
async fn carry(mut from: impl AsyncReadExt + Unpin, mut to: impl AsyncWriteExt + Unpin, mut bytes: usize) {
    let mut buffer = vec![0; 16 << 10];
    while bytes > 0 {
        let most = buffer.len().min(bytes);
        match from.read(&mut buffer[..most]).await {
            Ok(read @ 1..) if to.write_all(&buffer[..read]).await.is_ok() => bytes -= read,
            _ => return,
        }
    }
    std::future::pending::<()>().await;
}

/// Connections to a provider that say nothing, or something else, for as long as they are kept.
pub async fn dumb_connections(address: &[u8], count: usize) -> Vec<TcpStream> {
    let (host, port) = host_and_port(std::str::from_utf8(address).expect("an address is text; qed"));
    let mut kept = Vec::new();
    for number in 0..count {
        let Ok(mut stream) = TcpStream::connect((host.as_str(), port)).await else { continue };
        if number % 4 == 0 {
            let _ = stream.write_all(&files::noise(7, 4_096)).await;
        }
        kept.push(stream);
    }
    kept
}

fn host_and_port(address: &str) -> (String, u16) {
    let parts: Vec<_> = address.split('/').collect();
    (parts[2].to_owned(), parts[4].parse().expect("a port; qed"))
}
