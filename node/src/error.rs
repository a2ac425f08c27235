//! Errors in the user's words: what went wrong, a stable code, what to do next, and the exit code of INTERFACE.

use station_service::{provider::NotListening, StoreError, WorkerError};
use std::fmt;

/// What kind of failure it was. The exit code and the stable text code follow from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// A fault of the program, or of the node it talks to.
    Internal,
    /// A wrong command line.
    Usage,
    /// No such link, file, deal or account.
    NotFound,
    /// The key does not open what it was used on.
    WrongKey,
    /// Not enough money, or a price too low.
    Funds,
    /// Fewer providers than replicas asked for.
    TooFewProviders,
    /// Content that nobody has any more.
    Lost,
    /// The network, a node or a peer did not answer, or not in time.
    Network,
    /// The local disk is full, unreadable or locked by another process.
    Disk,
}

impl Code {
    /// The process's exit code.
    pub const fn exit(self) -> u8 {
        match self {
            Self::Internal => 1,
            Self::Usage => 2,
            Self::NotFound | Self::WrongKey => 3,
            Self::Funds => 4,
            Self::TooFewProviders | Self::Lost => 5,
            Self::Network => 6,
            Self::Disk => 7,
        }
    }

    /// The text that scripts match on, in `error.code` under `--json`.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::Usage => "usage",
            Self::NotFound => "not_found",
            Self::WrongKey => "wrong_key",
            Self::Funds => "funds",
            Self::TooFewProviders => "too_few_providers",
            Self::Lost => "lost",
            Self::Network => "network",
            Self::Disk => "disk",
        }
    }

    /// What to do next about any failure of this kind, where nothing better is known.
    const fn hint(self) -> &'static str {
        match self {
            Self::Internal => concat!(
                "run it again with RUST_LOG=debug; if it stays, report what that prints: ",
                env!("CARGO_PKG_REPOSITORY"),
                "/issues"
            ),
            Self::Usage => "run the command with --help",
            Self::NotFound => "check the name; `station ls` shows what this account keeps",
            Self::WrongKey => "check passphrase, words or link; nothing was changed",
            Self::Funds => "`station wallet balance` shows the account and what it has",
            Self::TooFewProviders => "`station provider list` shows who there is",
            Self::Lost => "`station status LINK` shows each shard; a holder that comes back brings its shards back",
            Self::Network => "run the same command again, or ask another node with --rpc",
            Self::Disk => "check that the place exists, that it may be written to, and that the disk has room",
        }
    }
}

/// A failure as the user reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserError {
    /// The kind.
    pub code: Code,
    /// What went wrong, one sentence, no trailing period.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
}

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident => $code:ident),* $(,)?) => {$(
        $(#[$doc])*
        pub fn $name(message: impl fmt::Display) -> Self {
            Self { code: Code::$code, message: message.to_string(), hint: Some(Code::$code.hint().into()) }
        }
    )*};
}

impl UserError {
    constructors! {
        /// [`Code::Internal`], exit 1.
        internal => Internal,
        /// [`Code::Usage`], exit 2.
        usage => Usage,
        /// [`Code::NotFound`], exit 3.
        not_found => NotFound,
        /// [`Code::WrongKey`], exit 3.
        wrong_key => WrongKey,
        /// [`Code::Funds`], exit 4.
        funds => Funds,
        /// [`Code::TooFewProviders`], exit 5.
        too_few_providers => TooFewProviders,
        /// [`Code::Lost`], exit 5.
        lost => Lost,
        /// [`Code::Network`], exit 6.
        network => Network,
        /// [`Code::Disk`], exit 7.
        disk => Disk,
    }

    /// Say what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    /// The object of `--json`: `{"error":{"code","message","hint"}}`.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "error": { "code": self.code.text(), "message": self.message, "hint": self.hint }
        })
    }

    /// Write it to stderr, as one JSON object or as text.
    pub fn report(&self, json: bool) {
        if json {
            eprintln!("{}", self.to_json());
        } else {
            eprintln!("error: {}", self.message);
            if let Some(hint) = &self.hint {
                eprintln!("       {hint}");
            }
        }
    }
}

impl fmt::Display for UserError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for UserError {}

/// Errors of files and folders: exit 7, except for what does not exist.
impl From<std::io::Error> for UserError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::NotFound => Self::not_found(error).hint("check the path"),
            std::io::ErrorKind::StorageFull => {
                Self::disk(error).hint("free some space, then run the same command again")
            }
            _ => Self::disk(error),
        }
    }
}

impl From<station_service::units::TermTooLong> for UserError {
    fn from(error: station_service::units::TermTooLong) -> Self {
        Self::usage(error).hint("give a shorter --for")
    }
}

/// Everything that `sc-cli` and `sc-service` report, sorted by what the user can do about it.
impl From<sc_cli::Error> for UserError {
    fn from(error: sc_cli::Error) -> Self {
        use sc_cli::Error as E;
        match &error {
            E::Io(_) => Self::disk(error),
            E::Input(text) => Self::usage(text),
            E::NetworkKeyNotFound(path) => Self::usage(format!("a validator needs a key of its own for the network, in {}", path.display()))
                .hint("make one: station key generate-node-key --base-path DIR --chain CHAIN; or, to try things out, add --unsafe-force-node-key-generation"),
            E::InvalidUri(_) | E::InvalidListenMultiaddress | E::Cli(_) | E::HexDataConversion(_) => {
                Self::usage(error)
            }
            E::Service(inner) => from_service(inner),
            _ => Self::internal(error),
        }
    }
}

impl From<sc_service::Error> for UserError {
    fn from(error: sc_service::Error) -> Self {
        from_service(&error)
    }
}

fn from_service(error: &sc_service::Error) -> UserError {
    let text = error.to_string();
    // RocksDB and ParityDB say so in words only.
    let lower = text.to_lowercase();
    if lower.contains("lock") && (lower.contains("resource") || lower.contains("held") || lower.contains("hold")) {
        return UserError::disk(text)
            .hint("another node is using this base path; stop it, or give another --base-path");
    }
    match error {
        sc_service::Error::Io(_) => UserError::disk(text),
        // The shard store, its mark and the provider's key: always the disk, or who else uses it.
        sc_service::Error::Application(inner) if inner.is::<StoreError>() => UserError::disk(inner),
        sc_service::Error::Application(inner) if inner.is::<NotListening>() => UserError::network(inner)
            .hint("stop the process that has the port, or choose another with --port or --listen-addr"),
        sc_service::Error::Application(inner) => match inner.downcast_ref() {
            Some(WorkerError::Mark(_) | WorkerError::Key(_)) => UserError::disk(inner),
            _ => UserError::internal(inner),
        },
        sc_service::Error::Other(text) => UserError::internal(text),
        _ => UserError::internal(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_those_of_the_interface() {
        let codes = [
            (Code::Internal, 1),
            (Code::Usage, 2),
            (Code::NotFound, 3),
            (Code::WrongKey, 3),
            (Code::Funds, 4),
            (Code::TooFewProviders, 5),
            (Code::Lost, 5),
            (Code::Network, 6),
            (Code::Disk, 7),
        ];
        for (code, exit) in codes {
            assert_eq!(code.exit(), exit, "{}", code.text());
        }
    }

    #[test]
    fn json_has_the_three_fields_and_always_a_hint() {
        let value = UserError::funds("too poor").to_json();
        assert_eq!(value["error"]["code"], "funds");
        assert_eq!(value["error"]["message"], "too poor");
        assert!(value["error"]["hint"].as_str().is_some_and(|hint| hint.contains("wallet balance")));
        let better = UserError::funds("too poor").hint("earn some").to_json();
        assert_eq!(better["error"]["hint"], "earn some");
    }

    #[test]
    fn a_provider_that_cannot_listen_says_so() {
        use station_service::provider::check_listening;
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let address = format!("/ip4/127.0.0.1/tcp/{port}");
        let error = check_listening([address.as_str()].into_iter()).unwrap_err();
        let error = from_service(&sc_service::Error::Application(Box::new(error)));
        assert_eq!(error.code, Code::Network);
        assert!(error.message.contains(&address) && error.hint.is_some_and(|hint| hint.contains("--port")));
        // One that is free is enough, and what is no TCP address is not judged.
        assert!(check_listening([address.as_str(), "/ip4/127.0.0.1/tcp/0"].into_iter()).is_ok());
        assert!(check_listening(["/ip4/127.0.0.1/udp/30333/quic-v1"].into_iter()).is_ok());
        drop(taken);
        assert!(check_listening([address.as_str()].into_iter()).is_ok());
    }

    #[test]
    fn a_full_disk_says_so_and_what_is_not_there_is_not_found() {
        let full = UserError::from(std::io::Error::from(std::io::ErrorKind::StorageFull));
        assert_eq!((full.code, full.hint.as_deref().map(|hint| hint.contains("free some"))), (Code::Disk, Some(true)));
        assert_eq!(UserError::from(std::io::Error::from(std::io::ErrorKind::NotFound)).code, Code::NotFound);
    }
}
