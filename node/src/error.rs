//! Errors in the user's words: what went wrong, a stable code, what to do next, and the exit code of INTERFACE.

use station_service::{StoreError, WorkerError};
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
}

/// A failure as the user reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserError {
    /// The kind.
    pub code: Code,
    /// What went wrong, one sentence, no trailing period.
    pub message: String,
    /// What to do next, if there is something.
    pub hint: Option<String>,
}

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident => $code:ident),* $(,)?) => {$(
        $(#[$doc])*
        pub fn $name(message: impl fmt::Display) -> Self {
            Self { code: Code::$code, message: message.to_string(), hint: None }
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
            std::io::ErrorKind::NotFound => Self::not_found(error),
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
    fn json_has_the_three_fields_even_without_a_hint() {
        let value = UserError::funds("too poor").to_json();
        assert_eq!(value["error"]["code"], "funds");
        assert_eq!(value["error"]["message"], "too poor");
        assert!(value["error"]["hint"].is_null());
    }
}
