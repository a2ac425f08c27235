//! The node's parts and how they fit: chain, pool, network, consensus, RPC, and the provider's worker.

use crate::{
    provider::{self, ProviderConfig},
    rpc,
};
use futures::FutureExt;
use sc_client_api::{Backend, BlockBackend};
use sc_consensus_babe::{BabeBlockImport, BabeLink, BabeWorkerHandle, SlotProportion};
use sc_consensus_grandpa::{GrandpaBlockImport, LinkHalf, SharedVoterState};
use sc_network::NetworkBackend;
use sc_service::{
    error::Error as ServiceError, Configuration, PartialComponents, RpcHandlers, TaskManager, WarpSyncConfig,
};
use sc_telemetry::{Telemetry, TelemetryWorker};
use sc_transaction_pool::TransactionPoolHandle;
use sc_transaction_pool_api::OffchainTransactionPoolFactory;
use sp_consensus_babe::inherents::BabeCreateInherentDataProviders;
use sp_runtime::traits::Block as BlockT;
use station_runtime::RuntimeApi;
use std::{sync::Arc, time::Duration};

pub use station_runtime::opaque::Block;

/// What runs the runtime.
pub type Executor = sc_executor::WasmExecutor<sp_io::SubstrateHostFunctions>;
/// The chain.
pub type FullClient = sc_service::TFullClient<Block, RuntimeApi, Executor>;
/// Its database.
pub type FullBackend = sc_service::TFullBackend<Block>;
/// Which chain is the best.
pub type FullSelectChain = sc_consensus::LongestChain<FullBackend, Block>;
/// Transactions that wait.
pub type FullPool = TransactionPoolHandle<Block, FullClient>;

type GrandpaImport = GrandpaBlockImport<FullBackend, Block, FullClient, FullSelectChain>;
type GrandpaLink = LinkHalf<Block, FullClient, FullSelectChain>;
type BabeImport =
    BabeBlockImport<Block, FullClient, GrandpaImport, BabeCreateInherentDataProviders<Block>, FullSelectChain>;

/// What of the node every command needs that reads or writes the chain's database.
pub type Service = PartialComponents<
    FullClient,
    FullBackend,
    FullSelectChain,
    sc_consensus::DefaultImportQueue<Block>,
    FullPool,
    (BabeImport, GrandpaLink, BabeLink<Block>, BabeWorkerHandle<Block>, Option<Telemetry>),
>;

/// GRANDPA makes a justification that others can check at least once in so many blocks.
const JUSTIFICATION_PERIOD: u32 = 512;
/// How long GRANDPA takes for a message to reach everybody.
const GOSSIP: Duration = Duration::from_millis(333);
/// The share of a slot in which a block is made; the rest is for its way to the others.
const PROPOSAL: f32 = 0.5;

/// The parts that need no network.
pub fn new_partial(config: &Configuration) -> Result<Service, ServiceError> {
    let telemetry = config
        .telemetry_endpoints
        .clone()
        .filter(|endpoints| !endpoints.is_empty())
        .map(|endpoints| -> Result<_, sc_telemetry::Error> {
            let worker = TelemetryWorker::new(16)?;
            let telemetry = worker.handle().new_telemetry(endpoints);
            Ok((worker, telemetry))
        })
        .transpose()?;

    let executor = sc_service::new_wasm_executor::<sp_io::SubstrateHostFunctions>(&config.executor);
    let (client, backend, keystore_container, task_manager) = sc_service::new_full_parts::<Block, RuntimeApi, _>(
        config,
        telemetry.as_ref().map(|(_, telemetry)| telemetry.handle()),
        executor,
        Vec::new(),
    )?;
    let client = Arc::new(client);
    let telemetry = telemetry.map(|(worker, telemetry)| {
        task_manager.spawn_handle().spawn("telemetry", None, worker.run());
        telemetry
    });

    let select_chain = sc_consensus::LongestChain::new(backend.clone());
    let transaction_pool = Arc::from(
        sc_transaction_pool::Builder::new(
            task_manager.spawn_essential_handle(),
            client.clone(),
            config.role.is_authority().into(),
        )
        .with_options(config.transaction_pool.clone())
        .with_prometheus(config.prometheus_registry())
        .build(),
    );

    // GRANDPA panics without authorities, so this is asked first.
    let babe = sc_consensus_babe::configuration(&*client)?;
    if babe.authorities.is_empty() {
        return Err(ServiceError::Other(format!(
            "the chain '{}' has no validators in its genesis; edit its specification, or choose another with --chain",
            config.chain_spec.name()
        )));
    }

    let (grandpa_import, grandpa_link) = sc_consensus_grandpa::block_import(
        client.clone(),
        JUSTIFICATION_PERIOD,
        &client,
        select_chain.clone(),
        telemetry.as_ref().map(Telemetry::handle),
    )?;
    let justification_import = grandpa_import.clone();

    let slot_duration = babe.slot_duration();
    let inherents: BabeCreateInherentDataProviders<Block> = Arc::new(move |_, _| async move {
        let timestamp = sp_timestamp::InherentDataProvider::from_system_time();
        let slot = sp_consensus_babe::inherents::InherentDataProvider::from_timestamp_and_slot_duration(
            *timestamp,
            slot_duration,
        );
        Ok((slot, timestamp))
    });
    let (block_import, babe_link) = sc_consensus_babe::block_import(
        babe,
        grandpa_import,
        client.clone(),
        inherents,
        select_chain.clone(),
        OffchainTransactionPoolFactory::new(Arc::clone(&transaction_pool)),
    )?;
    let (import_queue, babe_worker) = sc_consensus_babe::import_queue(sc_consensus_babe::ImportQueueParams {
        link: babe_link.clone(),
        block_import: block_import.clone(),
        justification_import: Some(Box::new(justification_import)),
        client: client.clone(),
        slot_duration,
        spawner: &task_manager.spawn_essential_handle(),
        registry: config.prometheus_registry(),
        telemetry: telemetry.as_ref().map(Telemetry::handle),
    })?;

    Ok(PartialComponents {
        client,
        backend,
        task_manager,
        keystore_container,
        select_chain,
        import_queue,
        transaction_pool,
        other: (block_import, grandpa_link, babe_link, babe_worker, telemetry),
    })
}

/// Takes back what consensus keeps beside the blocks.
pub fn revert(client: Arc<FullClient>, backend: Arc<FullBackend>, blocks: u32) -> sc_cli::Result<()> {
    sc_consensus_babe::revert(client.clone(), backend, blocks)?;
    sc_consensus_grandpa::revert(client, blocks)?;
    Ok(())
}

/// A running node.
pub async fn new_full<N: NetworkBackend<Block, <Block as BlockT>::Hash>>(
    config: Configuration,
    provider: Option<ProviderConfig>,
) -> Result<TaskManager, ServiceError> {
    let Service {
        client,
        backend,
        mut task_manager,
        keystore_container,
        select_chain,
        import_queue,
        transaction_pool,
        other: (block_import, grandpa_link, babe_link, babe_worker, mut telemetry),
    } = new_partial(&config)?;

    let registry = config.prometheus_registry().cloned();
    let metrics = N::register_notification_metrics(registry.as_ref());
    let mut net_config =
        sc_network::config::FullNetworkConfiguration::<_, _, N>::new(&config.network, registry.clone());
    let genesis = client.block_hash(0)?.ok_or("the chain has a genesis block; qed")?;

    let grandpa_protocol = sc_consensus_grandpa::protocol_standard_name(&genesis, &config.chain_spec);
    let (grandpa_config, grandpa_notifications) = sc_consensus_grandpa::grandpa_peers_set_config::<_, N>(
        grandpa_protocol.clone(),
        metrics.clone(),
        net_config.peer_store_handle(),
    );
    net_config.add_notification_protocol(grandpa_config);

    // The store is opened before the network is up: a locked or corrupt one is to be heard of at once.
    let provider =
        provider.map(|provider| provider::open::<N>(provider, &config, genesis, &mut net_config)).transpose()?;

    let warp_sync = Arc::new(sc_consensus_grandpa::warp_proof::NetworkProvider::new(
        backend.clone(),
        grandpa_link.shared_authority_set().clone(),
        Vec::default(),
    ));
    let (network, system_rpc_tx, tx_handler_controller, sync_service, _) =
        sc_service::build_network(sc_service::BuildNetworkParams {
            config: &config,
            net_config,
            client: client.clone(),
            transaction_pool: transaction_pool.clone(),
            spawn_handle: task_manager.spawn_handle(),
            spawn_essential_handle: task_manager.spawn_essential_handle(),
            import_queue,
            block_announce_validator_builder: None,
            warp_sync_config: Some(WarpSyncConfig::WithProvider(warp_sync)),
            block_relay: None,
            metrics,
            gap_sync_body_policy: None,
        })?;

    if config.offchain_worker.enabled {
        let workers = sc_offchain::OffchainWorkers::new(sc_offchain::OffchainWorkerOptions {
            runtime_api_provider: client.clone(),
            is_validator: config.role.is_authority(),
            keystore: Some(keystore_container.keystore()),
            offchain_db: backend.offchain_storage(),
            transaction_pool: Some(OffchainTransactionPoolFactory::new(transaction_pool.clone())),
            network_provider: Arc::new(network.clone()),
            enable_http_requests: false,
            custom_extensions: |_| vec![],
        })?;
        task_manager.spawn_handle().spawn(
            "offchain-workers-runner",
            "offchain-worker",
            workers.run(client.clone(), task_manager.spawn_handle()).boxed(),
        );
    }

    let role = config.role;
    let force_authoring = config.force_authoring;
    let name = config.network.node_name.clone();
    let enable_grandpa = !config.disable_grandpa;
    let shared_voter_state = SharedVoterState::empty();

    let rpc_builder = {
        let client = client.clone();
        let pool = transaction_pool.clone();
        let select_chain = select_chain.clone();
        let keystore = keystore_container.keystore();
        let shared_authority_set = grandpa_link.shared_authority_set().clone();
        let shared_voter_state = shared_voter_state.clone();
        let justification_stream = grandpa_link.justification_stream();
        let finality_provider = sc_consensus_grandpa::FinalityProofProvider::new_for_service(
            backend.clone(),
            Some(shared_authority_set.clone()),
        );
        Box::new(move |executor| {
            rpc::create(rpc::Deps {
                client: client.clone(),
                pool: pool.clone(),
                select_chain: select_chain.clone(),
                keystore: keystore.clone(),
                babe_worker: babe_worker.clone(),
                shared_authority_set: shared_authority_set.clone(),
                shared_voter_state: shared_voter_state.clone(),
                justification_stream: justification_stream.clone(),
                finality_provider: finality_provider.clone(),
                executor,
            })
            .map_err(Into::into)
        })
    };
    let _rpc: RpcHandlers = sc_service::spawn_tasks(sc_service::SpawnTasksParams {
        network: network.clone(),
        client: client.clone(),
        keystore: keystore_container.keystore(),
        task_manager: &mut task_manager,
        transaction_pool: transaction_pool.clone(),
        rpc_builder,
        backend,
        system_rpc_tx,
        tx_handler_controller,
        sync_service: sync_service.clone(),
        config,
        telemetry: telemetry.as_mut(),
        tracing_execute_block: None,
    })?;

    if role.is_authority() {
        let proposer = sc_basic_authorship::ProposerFactory::new(
            task_manager.spawn_handle(),
            client.clone(),
            transaction_pool.clone(),
            registry.as_ref(),
            telemetry.as_ref().map(Telemetry::handle),
        );
        let slot_duration = babe_link.config().slot_duration();
        let babe = sc_consensus_babe::start_babe(sc_consensus_babe::BabeParams {
            keystore: keystore_container.keystore(),
            client: client.clone(),
            select_chain,
            env: proposer,
            block_import,
            sync_oracle: sync_service.clone(),
            justification_sync_link: sync_service.clone(),
            create_inherent_data_providers: move |_, ()| async move {
                let timestamp = sp_timestamp::InherentDataProvider::from_system_time();
                let slot = sp_consensus_babe::inherents::InherentDataProvider::from_timestamp_and_slot_duration(
                    *timestamp,
                    slot_duration,
                );
                Ok((slot, timestamp))
            },
            force_authoring,
            backoff_authoring_blocks: Some(sc_consensus_slots::BackoffAuthoringOnFinalizedHeadLagging::default()),
            babe_link,
            block_proposal_slot_portion: SlotProportion::new(PROPOSAL),
            max_block_proposal_slot_portion: None,
            telemetry: telemetry.as_ref().map(Telemetry::handle),
        })?;
        task_manager.spawn_essential_handle().spawn_blocking("babe-proposer", Some("block-authoring"), babe);
    }

    if enable_grandpa {
        let voter = sc_consensus_grandpa::run_grandpa_voter(sc_consensus_grandpa::GrandpaParams {
            config: sc_consensus_grandpa::Config {
                gossip_duration: GOSSIP,
                justification_generation_period: JUSTIFICATION_PERIOD,
                name: Some(name),
                observer_enabled: false,
                // Only an authority votes; everybody follows.
                keystore: role.is_authority().then(|| keystore_container.keystore()),
                local_role: role,
                telemetry: telemetry.as_ref().map(Telemetry::handle),
                protocol_name: grandpa_protocol,
            },
            link: grandpa_link,
            network: network.clone(),
            sync: sync_service.clone(),
            notification_service: grandpa_notifications,
            voting_rule: sc_consensus_grandpa::VotingRulesBuilder::default().build(),
            prometheus_registry: registry.clone(),
            shared_voter_state,
            telemetry: telemetry.as_ref().map(Telemetry::handle),
            offchain_tx_pool_factory: OffchainTransactionPoolFactory::new(transaction_pool.clone()),
        })?;
        task_manager.spawn_essential_handle().spawn_blocking("grandpa-voter", None, voter);
    }

    if let Some(provider) = provider {
        provider::start(
            provider,
            &task_manager,
            client,
            transaction_pool,
            network,
            keystore_container.keystore(),
            registry,
        )?;
    }
    Ok(task_manager)
}
