//! Our peer against sc-network itself, with both of its back ends, and the node's own wire over them.

use super::*;
use crate::{
    client::{Address, NetworkWire},
    server,
};
use sc_network::{
    config::{
        FullNetworkConfiguration, NetworkConfiguration, NonReservedPeerMode, NotificationHandshake, Params, ProtocolId,
        Role, SetConfig,
    },
    service::traits::NetworkService,
    Litep2pNetworkBackend, NetworkBackend, NetworkWorker, NotificationMetrics,
};
use sp_core::H256;
use sp_runtime::{
    generic,
    traits::{BlakeTwo256, Block as BlockT},
    OpaqueExtrinsic,
};

type Block = generic::Block<generic::Header<u32, BlakeTwo256>, OpaqueExtrinsic>;
type Libp2p = NetworkWorker<Block, <Block as BlockT>::Hash>;

/// A node's network with the transfer protocol and nothing else.
pub(super) async fn network<N: NetworkBackend<Block, H256>>(
    backend: Arc<Memory>,
) -> (Arc<dyn NetworkService>, Vec<u8>) {
    let mut config = NetworkConfiguration::new_local();
    config.listen_addresses = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];
    let mut network_config = FullNetworkConfiguration::<Block, H256, N>::new(&config, None);
    let (protocol, inbound) = server::request_response_config::<Block, N>(&GENESIS);
    network_config.add_request_response_protocol(protocol);
    let (block_announce_config, notifications) = N::notification_config(
        "/block-announces/1".into(),
        vec![],
        1024,
        Some(NotificationHandshake::from_bytes(vec![0])),
        SetConfig { in_peers: 1, out_peers: 1, reserved_nodes: vec![], non_reserved_mode: NonReservedPeerMode::Accept },
        NotificationMetrics::new(None),
        network_config.peer_store_handle(),
    );
    let worker = N::new(Params::<Block, H256, N> {
        block_announce_config,
        role: Role::Full,
        executor: Box::new(|future| {
            tokio::spawn(future);
        }),
        genesis_hash: GENESIS.into(),
        network_config,
        protocol_id: ProtocolId::from("test"),
        fork_id: None,
        metrics_registry: None,
        ipfs_config: None,
        notification_metrics: NotificationMetrics::new(None),
    })
    .unwrap();
    let service = worker.network_service();
    tokio::spawn(async move {
        let _notifications = notifications;
        worker.run().await;
    });
    tokio::spawn(Server::run(inbound, backend));
    let address = loop {
        if let Some(address) = service.listen_addresses().first() {
            let address = address.to_string();
            break if address.contains("/p2p/") {
                address
            } else {
                format!("{address}/p2p/{}", service.local_peer_id())
            };
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    (service, address.into_bytes())
}

async fn exchange(peer: &Peer, address: &[u8]) {
    assert!(peer.info(address).await.unwrap().accepts_uploads);
    let uploads = (0..PIECES).map(|piece| peer.upload_piece(address, replica(), piece, data(piece), Vec::new()));
    let complete = futures::future::try_join_all(uploads).await.unwrap();
    assert!(complete.contains(&true));
    for piece in 0..PIECES {
        assert!(peer.fetch_piece(address, shard(), piece).await.unwrap().data == data(piece));
        assert!(peer.repair_piece(address, replica(), piece).await.unwrap().data == data(piece));
    }
    let error = peer.fetch_piece(address, shard(), 99).await.unwrap_err();
    assert_eq!(error.refusal(), Some(Refusal::NotFound));
}

fn options() -> Options {
    Options { request_timeout: Duration::from_secs(10), ..impatient() }
}

#[tokio::test(flavor = "multi_thread")]
async fn our_peer_talks_to_a_node_on_litep2p() {
    let (_service, address) = network::<Litep2pNetworkBackend>(Arc::default()).await;
    exchange(&Peer::start_with(&GENESIS, options()).unwrap(), &address).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_peer_talks_to_a_node_on_libp2p() {
    let (_service, address) = network::<Libp2p>(Arc::default()).await;
    exchange(&Peer::start_with(&GENESIS, options()).unwrap(), &address).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_fetches_from_a_node_of_the_other_back_end() {
    let (_to, to_address) = network::<Libp2p>(Arc::default()).await;
    let (from, _) = network::<Litep2pNetworkBackend>(Arc::default()).await;
    let peer = Peer::over(NetworkWire::new(from, &GENESIS), options());
    exchange(&peer, &to_address).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_of_a_node_is_read() {
    let (service, address) = network::<Litep2pNetworkBackend>(Arc::default()).await;
    let address = Address::parse(&address).unwrap();
    assert_eq!(sc_network::PeerId::from(address.peer()), service.local_peer_id());
}
