//! A libp2p node that does nothing but ask: one task around litep2p.
//!
//! litep2p's request-response dials by itself, but keeps one request a peer while it dials and forgets the others. So this
//! task dials, holds what is to be sent meanwhile, and hands requests over only once there is a connection.

use super::{Address, Error, Options, Wire, WireError};
use crate::protocol::{self, MAX_MESSAGE};
use futures::{future::BoxFuture, FutureExt, StreamExt};
use litep2p::{
    config::ConfigBuilder,
    protocol::request_response::{
        ConfigBuilder as ProtocolConfig, DialOptions, RejectReason, RequestResponseError, RequestResponseEvent,
        RequestResponseHandle,
    },
    transport::tcp::config::Config as TcpConfig,
    types::{
        multiaddr::{Multiaddr, Protocol},
        RequestId,
    },
    Litep2p, Litep2pEvent, PeerId, ProtocolName,
};
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};
use tokio::sync::{mpsc, oneshot};

const LOG: &str = "station::transfer";
/// Messages on their way to the task. Callers wait; the bound on requests under way is the `Peer`'s.
const CHANNEL: usize = 16;
/// How often the task looks for dials that take too long and for callers that have gone.
const TICK: Duration = Duration::from_millis(250);

type Answer = Result<Vec<u8>, WireError>;

struct Message {
    to: Address,
    request: Vec<u8>,
    answer: oneshot::Sender<Answer>,
}

/// The handle to the task. The task ends when it is dropped.
pub(super) struct Swarm {
    messages: mpsc::Sender<Message>,
}

impl Swarm {
    pub(super) fn start(genesis: &[u8; 32], options: &Options) -> Result<Self, Error> {
        let name = ProtocolName::from(protocol::protocol_name(genesis));
        let (protocol, handle) = ProtocolConfig::new(name)
            .with_max_size(MAX_MESSAGE)
            .with_timeout(options.request_timeout)
            // It asks and is not asked.
            .with_max_concurrent_inbound_requests(0)
            .build();
        let tcp = TcpConfig {
            listen_addresses: Vec::new(),
            reuse_port: false,
            // The last segment of a piece must not wait for an acknowledgement.
            nodelay: true,
            connection_open_timeout: options.dial_timeout,
            ..Default::default()
        };
        let config = ConfigBuilder::new()
            .with_tcp(tcp)
            .with_request_response_protocol(protocol)
            .with_keep_alive_timeout(options.keep_alive)
            .with_system_resolver()
            .build();
        let litep2p = Litep2p::new(config).map_err(|error| Error::Start(error.to_string()))?;
        let (messages, inbox) = mpsc::channel(CHANNEL);
        let task = Task {
            litep2p,
            handle,
            peers: HashMap::new(),
            under_way: HashMap::new(),
            dial_timeout: options.dial_timeout,
        };
        tokio::spawn(task.run(inbox));
        Ok(Self { messages })
    }
}

impl Wire for Swarm {
    fn send(&self, to: &Address, request: Vec<u8>) -> BoxFuture<'_, Answer> {
        let to = to.clone();
        async move {
            let (answer, reply) = oneshot::channel();
            let message = Message { to, request, answer };
            self.messages.send(message).await.map_err(|_| WireError::Closed)?;
            reply.await.unwrap_or(Err(WireError::Closed))
        }
        .boxed()
    }
}

enum Link {
    Dialling { since: Instant, waiting: Vec<Message> },
    Connected,
}

struct Task {
    litep2p: Litep2p,
    handle: RequestResponseHandle,
    peers: HashMap<PeerId, Link>,
    under_way: HashMap<RequestId, oneshot::Sender<Answer>>,
    dial_timeout: Duration,
}

impl Task {
    async fn run(mut self, mut inbox: mpsc::Receiver<Message>) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                message = inbox.recv() => match message {
                    Some(message) => self.send(message).await,
                    None => return,
                },
                event = self.litep2p.next_event() => match event {
                    Some(event) => self.on_connection(event).await,
                    None => return,
                },
                event = self.handle.next() => match event {
                    Some(event) => self.on_response(event),
                    None => return,
                },
                _ = tick.tick() => self.on_tick().await,
            }
        }
    }

    async fn send(&mut self, message: Message) {
        let peer = message.to.peer();
        match self.peers.get_mut(&peer) {
            Some(Link::Connected) => self.hand_over(message).await,
            // Bounded by the requests that the `Peer` lets through.
            Some(Link::Dialling { waiting, .. }) => waiting.push(message),
            None => {
                let address = message.to.multiaddr().clone();
                match self.litep2p.dial_address(address).await {
                    Ok(()) => {
                        let since = Instant::now();
                        let link = Link::Dialling { since, waiting: vec![message] };
                        self.peers.insert(peer, link);
                    }
                    // Our own list lags behind: the event that says so is under way.
                    Err(litep2p::Error::AlreadyConnected) => self.hand_over(message).await,
                    Err(error) => {
                        let _ = message.answer.send(Err(WireError::Unreachable(error.to_string())));
                    }
                }
            }
        }
    }

    /// Gives a request to litep2p. With `Reject` it never dials.
    async fn hand_over(&mut self, message: Message) {
        let Message { to, request, answer } = message;
        match self.handle.send_request(to.peer(), request, DialOptions::Reject).await {
            Ok(id) => {
                self.under_way.insert(id, answer);
            }
            Err(error) => {
                tracing::warn!(target: LOG, %error, "litep2p does not take requests");
                let _ = answer.send(Err(WireError::Closed));
            }
        }
    }

    async fn on_connection(&mut self, event: Litep2pEvent) {
        match event {
            Litep2pEvent::ConnectionEstablished { peer, .. } => {
                tracing::debug!(target: LOG, %peer, "connected");
                let link = self.peers.insert(peer, Link::Connected);
                if let Some(Link::Dialling { waiting, .. }) = link {
                    for message in waiting {
                        self.hand_over(message).await;
                    }
                }
            }
            Litep2pEvent::ConnectionClosed { peer, .. } => {
                tracing::debug!(target: LOG, %peer, "disconnected");
                if matches!(self.peers.get(&peer), Some(Link::Connected)) {
                    self.peers.remove(&peer);
                }
            }
            Litep2pEvent::DialFailure { address, error } => {
                self.on_dial_failure(&address, &error.to_string());
            }
            Litep2pEvent::ListDialFailures { errors } => {
                for (address, error) in errors {
                    self.on_dial_failure(&address, &error.to_string());
                }
            }
        }
    }

    fn on_dial_failure(&mut self, address: &Multiaddr, reason: &str) {
        let Some(Protocol::P2p(identity)) = address.iter().last() else { return };
        let Ok(peer) = PeerId::from_multihash(identity) else { return };
        self.give_up(&peer, reason);
    }

    fn give_up(&mut self, peer: &PeerId, reason: &str) {
        if let Some(Link::Dialling { .. }) = self.peers.get(peer) {
            tracing::debug!(target: LOG, %peer, reason, "cannot be reached");
            if let Some(Link::Dialling { waiting, .. }) = self.peers.remove(peer) {
                for message in waiting {
                    let error = WireError::Unreachable(reason.to_string());
                    let _ = message.answer.send(Err(error));
                }
            }
        }
    }

    fn on_response(&mut self, event: RequestResponseEvent) {
        match event {
            RequestResponseEvent::ResponseReceived { request_id, response, .. } => {
                self.answer(request_id, Ok(response));
            }
            RequestResponseEvent::RequestFailed { peer, request_id, error } => {
                tracing::debug!(target: LOG, %peer, ?error, "request failed");
                self.answer(request_id, Err(failure(error)));
            }
            // Nobody is told of an address of ours; whoever asks all the same gets a closed stream.
            RequestResponseEvent::RequestReceived { request_id, .. } => {
                self.handle.reject_request(request_id);
            }
        }
    }

    fn answer(&mut self, id: RequestId, answer: Answer) {
        if let Some(caller) = self.under_way.remove(&id) {
            // The caller may have gone; it wants no answer then.
            let _ = caller.send(answer);
        }
    }

    async fn on_tick(&mut self) {
        let late: Vec<PeerId> = self
            .peers
            .iter()
            .filter(|(_, link)| match link {
                Link::Dialling { since, .. } => since.elapsed() > self.dial_timeout + TICK,
                Link::Connected => false,
            })
            .map(|(peer, _)| *peer)
            .collect();
        for peer in late {
            self.give_up(&peer, "no answer to the dial");
        }
        let gone: Vec<RequestId> =
            self.under_way.iter().filter(|(_, caller)| caller.is_closed()).map(|(id, _)| *id).collect();
        for id in gone {
            self.under_way.remove(&id);
            self.handle.cancel_request(id).await;
        }
    }
}

fn failure(error: RequestResponseError) -> WireError {
    match error {
        RequestResponseError::NotConnected => WireError::Unready,
        RequestResponseError::Timeout => WireError::Timeout,
        RequestResponseError::UnsupportedProtocol => WireError::Unsupported,
        RequestResponseError::TooLargePayload => WireError::Nonsense("the request is too long".into()),
        RequestResponseError::Canceled => WireError::Closed,
        RequestResponseError::Rejected(RejectReason::SubstreamClosed) => WireError::Dropped,
        RequestResponseError::Rejected(reason) => rejected(&reason),
    }
}

fn rejected(reason: &RejectReason) -> WireError {
    match reason {
        RejectReason::ConnectionClosed => WireError::Unreachable("the connection broke".into()),
        RejectReason::DialFailed(_) => WireError::Unreachable("the dial failed".into()),
        RejectReason::SubstreamClosed => WireError::Dropped,
        RejectReason::SubstreamOpenError(error) => WireError::Unreachable(error.to_string()),
    }
}
