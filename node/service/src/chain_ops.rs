//! Substrate's commands on the chain's database: each gives a future to run and the tasks that it needs.

use crate::{
    provider::ProviderConfig,
    service::{self, Block, Service},
};
use futures::future::{BoxFuture, FutureExt, LocalBoxFuture};
use sc_cli::{CheckBlockCmd, ExportBlocksCmd, ExportStateCmd, ImportBlocksCmd, Result, RevertCmd};
use sc_network::config::NetworkBackendType;
use sc_service::{error::Error as ServiceError, Configuration, TaskManager};

/// What a command does, and the tasks to keep while it does it.
pub type Job = (LocalBoxFuture<'static, Result<()>>, TaskManager);

/// Starts a node with the network back end that its configuration names.
pub fn start(
    config: Configuration,
    provider: Option<ProviderConfig>,
) -> BoxFuture<'static, std::result::Result<TaskManager, ServiceError>> {
    match config.network.network_backend {
        NetworkBackendType::Libp2p => service::new_full::<sc_network::NetworkWorker<_, _>>(config, provider).boxed(),
        NetworkBackendType::Litep2p => service::new_full::<sc_network::Litep2pNetworkBackend>(config, provider).boxed(),
    }
}

/// `check-block`.
pub fn check_block(cmd: CheckBlockCmd, config: &Configuration) -> Result<Job> {
    let Service { client, task_manager, import_queue, .. } = service::new_partial(config)?;
    Ok((async move { cmd.run(client, import_queue).await }.boxed_local(), task_manager))
}

/// `export-blocks`.
pub fn export_blocks(cmd: ExportBlocksCmd, config: Configuration) -> Result<Job> {
    let Service { client, task_manager, .. } = service::new_partial(&config)?;
    Ok((async move { cmd.run(client, config.database).await }.boxed_local(), task_manager))
}

/// `export-state`.
pub fn export_state(cmd: ExportStateCmd, config: Configuration) -> Result<Job> {
    let Service { client, task_manager, .. } = service::new_partial(&config)?;
    Ok((async move { cmd.run(client, config.chain_spec).await }.boxed_local(), task_manager))
}

/// `import-blocks`.
pub fn import_blocks(cmd: ImportBlocksCmd, config: &Configuration) -> Result<Job> {
    let Service { client, task_manager, import_queue, .. } = service::new_partial(config)?;
    Ok((async move { cmd.run(client, import_queue).await }.boxed_local(), task_manager))
}

/// `revert`.
pub fn revert(cmd: RevertCmd, config: &Configuration) -> Result<Job> {
    let Service { client, task_manager, backend, .. } = service::new_partial(config)?;
    let aux = Box::new(service::revert);
    Ok((async move { cmd.run(client, backend, Some(aux)).await }.boxed_local(), task_manager))
}

/// `chain-info`.
pub fn chain_info(cmd: &sc_cli::ChainInfoCmd, config: &Configuration) -> Result<()> {
    cmd.run::<Block>(config)
}
