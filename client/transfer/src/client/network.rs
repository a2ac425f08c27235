//! Messages over the node's own network, for a provider that fetches from others.

use super::{Address, Wire, WireError};
use crate::protocol;
use futures::{future::BoxFuture, FutureExt};
use sc_network::{
    request_responses::OutboundFailure, IfDisconnected, NetworkPeers, NetworkRequest, ProtocolName, RequestFailure,
};
use std::sync::Arc;

/// A [`Wire`] over sc-network. The protocol must be part of the node's configuration
/// ([`crate::server::request_response_config`]).
pub struct NetworkWire<N: ?Sized> {
    network: Arc<N>,
    protocol: ProtocolName,
}

impl<N: NetworkRequest + NetworkPeers + Send + Sync + ?Sized> NetworkWire<N> {
    /// Over `network`, for the chain with this genesis hash.
    pub fn new(network: Arc<N>, genesis: &[u8; 32]) -> Self {
        Self { network, protocol: ProtocolName::from(protocol::protocol_name(genesis)) }
    }
}

impl<N: NetworkRequest + NetworkPeers + Send + Sync + ?Sized + 'static> Wire for NetworkWire<N> {
    fn send(&self, to: &Address, request: Vec<u8>) -> BoxFuture<'_, Result<Vec<u8>, WireError>> {
        let peer = sc_network::PeerId::from(to.peer());
        self.network.add_known_address(peer, to.multiaddr().clone().into());
        async move {
            self.network
                .request(peer, self.protocol.clone(), request, None, IfDisconnected::TryConnect)
                .await
                .map(|(response, _)| response)
                .map_err(failure)
        }
        .boxed()
    }
}

fn failure(failure: RequestFailure) -> WireError {
    match failure {
        RequestFailure::NotConnected => WireError::Unreachable("not connected".into()),
        RequestFailure::UnknownProtocol => WireError::Closed,
        RequestFailure::InvalidRequest => WireError::Nonsense("the request is too long".into()),
        RequestFailure::Refused | RequestFailure::Obsolete => WireError::Dropped,
        RequestFailure::Network(OutboundFailure::Timeout) => WireError::Timeout,
        RequestFailure::Network(OutboundFailure::UnsupportedProtocols) => WireError::Unsupported,
        RequestFailure::Network(other) => WireError::Unreachable(other.to_string()),
    }
}
