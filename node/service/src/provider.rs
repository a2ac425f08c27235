//! `--provider`: the flags, the provider's key, its store, and how its worker is put into the node.

use crate::{
    service::{Block, FullClient, FullPool},
    units,
};
use clap::Args;
use sc_network::{
    config::FullNetworkConfiguration, request_responses::IncomingRequest, service::traits::NetworkService,
    NetworkBackend,
};
use sc_service::{error::Error as ServiceError, Configuration, TaskManager};
use sp_keystore::KeystorePtr;
use sp_runtime::traits::Block as BlockT;
use station_client_shard_store::Store;
use station_client_transfer::server::{request_response_config, Server};
use station_client_worker::{Config, Params, Worker};
use station_primitives::{AccountId, Balance, Price};
use station_runtime::Hash;
use std::{
    fmt,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::Arc,
};
use substrate_prometheus_endpoint::Registry;

/// The flags of a provider.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Provider options")]
pub struct ProviderArgs {
    /// Keep other people's data and earn tickets
    #[arg(long)]
    pub provider: bool,
    /// Where the data is kept [default: BASE_PATH/chains/CHAIN/store]
    #[arg(long, value_name = "DIR", requires = "provider")]
    pub store: Option<PathBuf>,
    /// How much room there is for it: 500GiB, 2TiB
    #[arg(long, value_name = "SIZE", required_if_eq("provider", "true"), value_parser = units::parse_bytes)]
    pub capacity: Option<u64>,
    /// The price of keeping a GiB for a day, in TKT
    #[arg(long, value_name = "TKT", default_value = "0.01", value_parser = units::parse_price)]
    pub price: Price,
    /// The price of serving a GiB, in TKT
    #[arg(long, value_name = "TKT", default_value = "0", value_parser = units::parse_price)]
    pub retrieval_price: Price,
    /// Who runs the machine, in 32 hexadecimal bytes: replicas of one shard never share an operator [default: this
    /// provider's account]
    #[arg(long, value_name = "HEX", value_parser = parse_operator)]
    pub operator: Option<[u8; 32]>,
    /// Serve this client only (may be given several times) [default: anybody]
    #[arg(long = "friend", value_name = "ACCOUNT", value_parser = units::parse_account)]
    pub friends: Vec<AccountId>,
    /// The multiaddress that clients are told [default: --public-addr, or where the node listens]
    #[arg(long, value_name = "MULTIADDR")]
    pub announce: Option<String>,
    /// Collateral to lock, in TKT [default: what the capacity needs, as far as the balance goes]
    #[arg(long, value_name = "TKT", value_parser = units::parse_tkt)]
    pub collateral: Option<Balance>,
    /// Threads that seal [default: one a core]
    #[arg(long, value_name = "N")]
    pub seal_threads: Option<usize>,
    /// How fast the data is read to find what has rotted, in bytes a second; faster where a pass would take longer than a
    /// month
    #[arg(long, value_name = "SIZE", default_value = "4MiB", value_parser = units::parse_bytes)]
    pub scrub_rate: u64,
    /// Register again a provider that has left
    #[arg(long, requires = "provider")]
    pub rejoin: bool,
}

fn parse_operator(text: &str) -> Result<[u8; 32], String> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    hex::decode(digits)
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| format!("'{text}' is not 32 bytes in hexadecimal"))
}

/// What the flags ask for.
#[derive(Clone, Debug)]
pub struct ProviderConfig {
    /// Where the data is kept, if not below the base path.
    pub store: Option<PathBuf>,
    /// The worker's settings.
    pub worker: Config,
}

impl ProviderArgs {
    /// The provider that the flags describe, if any.
    pub fn config(&self) -> Result<Option<ProviderConfig>, String> {
        if !self.provider {
            return Ok(None);
        }
        let capacity = self.capacity.ok_or("--provider needs --capacity SIZE")?;
        let mut worker = Config::new(capacity, self.price);
        worker.retrieval_price = self.retrieval_price;
        worker.operator = self.operator;
        worker.friends = self.friends.clone();
        worker.address = self.announce.clone();
        worker.collateral = self.collateral;
        worker.seal_threads = self.seal_threads;
        worker.scrub_rate = self.scrub_rate;
        worker.rejoin = self.rejoin;
        Ok(Some(ProviderConfig { store: self.store.clone(), worker }))
    }
}

/// A provider whose store is open and whose protocol is known to the network.
pub struct Provider {
    config: Config,
    store: Arc<Store>,
    store_dir: PathBuf,
    inbound: async_channel::Receiver<IncomingRequest>,
}

/// A provider whose network addresses other processes have: it would be given data that nobody could bring.
#[derive(Debug)]
pub struct NotListening(String);

impl fmt::Display for NotListening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a provider must be reachable, and cannot listen at {}", self.0)
    }
}

impl std::error::Error for NotListening {}

/// Checks that at least one address can be listened at: the network itself goes on without any.
pub fn check_listening<'a>(addresses: impl Iterator<Item = &'a str>) -> Result<(), NotListening> {
    let mut refused: Option<String> = None;
    for address in addresses {
        // Others than plain TCP are the network's own business.
        let Some(socket) = tcp(address) else { return Ok(()) };
        match TcpListener::bind(socket) {
            Ok(_) => return Ok(()),
            Err(error) => refused = Some(format!("{address}: {error}")),
        }
    }
    refused.map_or(Ok(()), |why| Err(NotListening(why)))
}

/// `/ip4/127.0.0.1/tcp/30333`
fn tcp(address: &str) -> Option<SocketAddr> {
    let mut parts = address.split('/').skip(1);
    let (kind, ip, tcp, port) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let plain = matches!(kind, "ip4" | "ip6") && tcp == "tcp" && parts.next().is_none();
    Some(SocketAddr::new(ip.parse().ok().filter(|_| plain)?, port.parse().ok()?))
}

/// Opens the store and adds the transfer protocol to the network's configuration.
pub fn open<N: NetworkBackend<Block, <Block as BlockT>::Hash>>(
    config: ProviderConfig,
    node: &Configuration,
    genesis: Hash,
    net_config: &mut FullNetworkConfiguration<Block, <Block as BlockT>::Hash, N>,
) -> Result<Provider, ServiceError> {
    let addresses: Vec<String> = node.network.listen_addresses.iter().map(ToString::to_string).collect();
    check_listening(addresses.iter().map(String::as_str))
        .map_err(|error| ServiceError::Application(Box::new(error)))?;
    let store_dir = config.store.unwrap_or_else(|| node.data_path.join("store"));
    let store =
        Store::open(&store_dir, config.worker.capacity).map_err(|error| ServiceError::Application(Box::new(error)))?;
    let (protocol, inbound) = request_response_config::<Block, N>(&genesis.0);
    net_config.add_request_response_protocol(protocol);
    Ok(Provider { config: config.worker, store: Arc::new(store), store_dir, inbound })
}

/// Starts the worker and the server of the transfer protocol.
pub fn start(
    provider: Provider,
    tasks: &TaskManager,
    client: Arc<FullClient>,
    pool: Arc<FullPool>,
    network: Arc<dyn NetworkService>,
    keystore: KeystorePtr,
    registry: Option<Registry>,
) -> Result<(), ServiceError> {
    let Provider { config, store, store_dir, inbound } = provider;
    let worker = Worker::new(Params { client, pool, keystore, store, store_dir, network, config, registry })
        .map_err(|error| ServiceError::Application(Box::new(error)))?;
    tasks.spawn_handle().spawn("station-transfer", Some("provider"), Server::run(inbound, worker.backend()));
    tasks.spawn_essential_handle().spawn("station-worker", Some("provider"), worker.run());
    Ok(())
}
