//! What an operator watches.

use substrate_prometheus_endpoint::{register, Counter, Gauge, GaugeVec, Opts, PrometheusError, Registry, U64};

/// The worker's metrics. Without a registry they count all the same, unseen.
#[derive(Clone)]
pub struct Metrics {
    /// Replicas by state: receiving, received, sealing, sealed, damaged, lost.
    pub replicas: GaugeVec<U64>,
    /// Bytes by kind: capacity, used, sealed.
    pub bytes: GaugeVec<U64>,
    /// Replicas that wait for a sealing thread.
    pub seal_queue: Gauge<U64>,
    /// Bytes sealed since the start.
    pub sealed: Counter<U64>,
    /// Answers to audits that the pool took.
    pub audits_answered: Counter<U64>,
    /// Audits that could not be answered: proof or pool failed.
    pub audits_failed: Counter<U64>,
    /// Answers past the window that pays.
    pub audits_late: Counter<U64>,
    /// Extrinsics that the pool refused.
    pub refused: Counter<U64>,
    /// Pieces taken from clients.
    pub uploaded: Counter<U64>,
    /// Bytes sent to readers.
    pub served: Counter<U64>,
    /// Repair orders that are open in the network.
    pub orders: Gauge<U64>,
    /// Replicas that are being made from other holders' data, ordered or this provider's own.
    pub repairs: Gauge<U64>,
    /// Replicas made for repair orders and committed.
    pub repairs_made: Counter<U64>,
    /// Replicas of this provider's own whose data was brought back after a fault.
    pub restored: Counter<U64>,
    /// Bytes fetched from other holders.
    pub repair_fetched: Counter<U64>,
    /// Bytes sent to providers that make another replica.
    pub repair_served: Counter<U64>,
    /// Bytes that the scrubber has checked.
    pub scrubbed: Counter<U64>,
    /// Passes over the whole store that the scrubber has ended.
    pub scrub_passes: Counter<U64>,
    /// Replicas found missing or rotten, by whomever.
    pub faults_found: Counter<U64>,
    /// Faults that were reported to the chain.
    pub faults_reported: Counter<U64>,
    /// Microtickets earned since registration.
    pub earned: Gauge<U64>,
    /// Microtickets of collateral locked.
    pub collateral: Gauge<U64>,
}

impl Metrics {
    /// Register with a node's registry, if it has one.
    ///
    /// # Errors
    /// If a name is taken, which is a bug.
    pub fn new(registry: Option<&Registry>) -> Result<Self, PrometheusError> {
        let own = Registry::new();
        let registry = registry.unwrap_or(&own);
        let gauge = |name: &str, help: &str| -> Result<Gauge<U64>, PrometheusError> {
            register(Gauge::with_opts(Opts::new(format!("station_{name}"), help))?, registry)
        };
        let counter = |name: &str, help: &str| -> Result<Counter<U64>, PrometheusError> {
            register(Counter::with_opts(Opts::new(format!("station_{name}_total"), help))?, registry)
        };
        let by = |name: &str, help: &str, label: &str| -> Result<GaugeVec<U64>, PrometheusError> {
            register(GaugeVec::new(Opts::new(format!("station_{name}"), help), &[label])?, registry)
        };
        Ok(Self {
            replicas: by("replicas", "replicas in the store, by state", "state")?,
            bytes: by("store_bytes", "bytes of the store", "kind")?,
            seal_queue: gauge("seal_queue", "replicas that wait for a sealing thread")?,
            sealed: counter("sealed_bytes", "bytes sealed since the start")?,
            audits_answered: counter("audits_answered", "answers to audits that the pool took")?,
            audits_failed: counter("audits_failed", "audits that could not be answered")?,
            audits_late: counter("audits_late", "answers past the window that pays")?,
            refused: counter("extrinsics_refused", "extrinsics that the pool refused")?,
            uploaded: counter("uploaded_bytes", "bytes taken from clients")?,
            served: counter("served_bytes", "bytes sent to readers")?,
            orders: gauge("orders", "repair orders that are open in the network")?,
            repairs: gauge("repairs", "replicas that are being made from other holders' data")?,
            repairs_made: counter("repairs_made", "replicas made for repair orders and committed")?,
            restored: counter("repairs_restored", "own replicas whose data was brought back after a fault")?,
            repair_fetched: counter("repair_fetched_bytes", "bytes fetched from other holders")?,
            repair_served: counter("repair_served_bytes", "bytes sent to providers that make another replica")?,
            scrubbed: counter("scrubbed_bytes", "bytes that the scrubber has checked")?,
            scrub_passes: counter("scrub_passes", "passes over the whole store that the scrubber has ended")?,
            faults_found: counter("faults_found", "replicas found missing or rotten")?,
            faults_reported: counter("faults_reported", "faults that were reported to the chain")?,
            earned: gauge("earned_microtickets", "earned since registration, in millionths of a ticket")?,
            collateral: gauge("collateral_microtickets", "collateral locked, in millionths of a ticket")?,
        })
    }
}

/// Plancks in millionths of a ticket, for gauges that hold 64 bits.
pub fn microtickets(plancks: station_primitives::Balance) -> u64 {
    u64::try_from(plancks / (station_primitives::TKT / 1_000_000)).unwrap_or(u64::MAX)
}
