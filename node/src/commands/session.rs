//! What every command of a user begins with: a home, a key, a node.

use crate::{cli::Global, error::UserError};
use rpassword::prompt_password;
use station_client_crypto::{Account, KeyError, KeyFile, KeyFileError, Link, Passphrase, Phrase, ShareError};
use station_client_files::{Context, FilesError, Home, Kind};
use station_client_rpc::client::{Client, ClientError};
use std::{
    future::Future,
    io::{IsTerminal, Read},
    path::{Path, PathBuf},
    sync::Arc,
};
use zeroize::Zeroizing;

/// Where state is kept.
const HOME: &str = "STATION_HOME";
/// A file of a keystore holds 24 words at the most.
const MAX_KEYSTORE_FILE: u64 = 1_024;
/// A file with the passphrase, for scripts.
const PASSPHRASE_FILE: &str = "STATION_PASSPHRASE_FILE";

impl From<FilesError> for UserError {
    fn from(error: FilesError) -> Self {
        let hint = error.hint();
        let new = match error.kind() {
            Kind::Internal => Self::internal(&error),
            Kind::Usage => Self::usage(&error),
            Kind::NotFound => Self::not_found(&error),
            Kind::WrongKey => Self::wrong_key(&error),
            Kind::Funds => Self::funds(&error),
            Kind::TooFewProviders => Self::too_few_providers(&error),
            Kind::Lost => Self::lost(&error),
            Kind::Network => Self::network(&error),
            Kind::Disk => Self::disk(&error),
        };
        match hint {
            Some(hint) => new.hint(hint),
            None => new,
        }
    }
}

impl From<ClientError> for UserError {
    fn from(error: ClientError) -> Self {
        FilesError::from(error).into()
    }
}

impl From<KeyFileError> for UserError {
    fn from(error: KeyFileError) -> Self {
        match &error {
            KeyFileError::WrongPassphrase => Self::wrong_key(&error).hint(
                "try the passphrase again; if it is lost, move the file away and bring the account back from its words: \
                 `station wallet restore`",
            ),
            KeyFileError::Damaged | KeyFileError::Malformed(_) => Self::disk(&error).hint(
                "name a wallet's file with --key; if this one is damaged, move it away and bring the account back from \
                 its words: `station wallet restore`",
            ),
            KeyFileError::Exists(_) => Self::disk(&error).hint("move it away first, or name another file with --key"),
            KeyFileError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => Self::not_found(&error),
            KeyFileError::Io { .. } => Self::disk(&error),
        }
    }
}

impl From<KeyError> for UserError {
    fn from(error: KeyError) -> Self {
        match &error {
            KeyError::Uri(_) => Self::usage(error).hint("write it like //Alice, or name a wallet's file"),
            KeyError::Secret => Self::wrong_key(error).hint("name a wallet's file, or a key of a node's keystore"),
            KeyError::WordCount(0) => Self::wrong_key("no words were given")
                .hint("type them when asked, pipe them in, or name a file with --words-file"),
            // Words that are no phrase are no key.
            KeyError::WordCount(_) | KeyError::UnknownWord(_) | KeyError::Checksum => {
                Self::wrong_key(error).hint("nothing was written; check every word and their order")
            }
        }
    }
}

impl From<ShareError> for UserError {
    fn from(error: ShareError) -> Self {
        match &error {
            ShareError::Counts => Self::usage(error).hint("for example --threshold 2 --shares 3"),
            ShareError::Malformed(_) | ShareError::Version(_) => {
                Self::usage(error).hint("copy the whole share, from 'station-share:' to its last character")
            }
            ShareError::Changed | ShareError::Inconsistent => {
                Self::wrong_key(error).hint("nothing was written; compare the shares with what was given out")
            }
            ShareError::Mixed => Self::wrong_key(error).hint("nothing was written; use shares of one set only"),
            ShareError::TooFew { .. } => Self::wrong_key(error).hint("nothing was written; ask for more of the shares"),
        }
    }
}

/// Run a command's future on a runtime of its own.
pub fn block_on<T>(work: impl Future<Output = Result<T, UserError>>) -> Result<T, UserError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| UserError::internal(format!("no threads to work with: {error}")))?;
    let result = runtime.block_on(work);
    // Threads that still wait for the network must not keep the command from ending.
    runtime.shutdown_background();
    result
}

/// `STATION_HOME`, or the platform's data folder.
pub fn home() -> Result<Home, UserError> {
    if let Some(path) = std::env::var_os(HOME).filter(|path| !path.is_empty()) {
        return Ok(Home::new(path));
    }
    directories::ProjectDirs::from("", "", "station")
        .map(|dirs| Home::new(dirs.data_dir()))
        .ok_or_else(|| UserError::usage("there is no home folder to keep state in").hint(format!("set {HOME}")))
}

/// Connect to the node.
pub async fn connect(global: &Global) -> Result<Arc<Client>, UserError> {
    Ok(Arc::new(Client::connect(global.node()).await?))
}

/// The file of the wallet that is meant.
pub fn wallet_file(global: &Global) -> Result<PathBuf, UserError> {
    match &global.key {
        Some(key) => Ok(PathBuf::from(key)),
        None => Ok(home()?.wallet()),
    }
}

/// Whether a development account is meant.
fn dev_uri(global: &Global) -> Option<&str> {
    global.key.as_deref().filter(|key| key.starts_with("//"))
}

fn no_wallet(path: &Path) -> UserError {
    UserError::not_found(format!("there is no wallet at {}", path.display()))
        .hint("make one with `station wallet new`, bring one back with `station wallet restore`, or give --key")
}

/// The account that pays and owns; asks for the passphrase if it must.
pub fn account(global: &Global) -> Result<Account, UserError> {
    match without_passphrase(global)? {
        Some(account) => Ok(account),
        None => Ok(Account::from_phrase(&phrase(global)?)),
    }
}

/// A development account, or that of a node's keystore: neither has a passphrase.
fn without_passphrase(global: &Global) -> Result<Option<Account>, UserError> {
    if let Some(uri) = dev_uri(global) {
        return Ok(Some(Account::from_dev_uri(uri)?));
    }
    match &global.key {
        Some(path) => of_keystore(Path::new(path)),
        None => Ok(None),
    }
}

/// The account of a file of a node's keystore, if it is one: its name is the key's type and its public half, and it holds
/// the secret as one JSON text. With it a provider's operator acts for the node.
fn of_keystore(path: &Path) -> Result<Option<Account>, UserError> {
    let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| hex::decode(name).ok());
    let Some((_, public)) = name.as_ref().and_then(|name| name.split_at_checked(4)).filter(|(_, key)| key.len() == 32)
    else {
        return Ok(None);
    };
    let text = read_secret(Source::File(path), MAX_KEYSTORE_FILE)?;
    let secret = serde_json::from_str(&text).map(Zeroizing::<String>::new).map_err(|_| {
        UserError::disk(format!("{} is no key of a keystore", path.display()))
            .hint("name a wallet's file, or one of BASE/chains/CHAIN/keystore")
    })?;
    let account = Account::from_secret(&secret)?;
    if account.id() != public {
        return Err(UserError::wrong_key(format!("{} holds another key than its name says", path.display()))
            .hint("a key of a keystore with a password, or of another kind than sr25519, cannot be used here"));
    }
    Ok(Some(account))
}

/// The wallet's recovery phrase; asks for the passphrase if it must.
pub fn phrase(global: &Global) -> Result<Phrase, UserError> {
    if without_passphrase(global)?.is_some() {
        return Err(UserError::usage(
            "only a wallet has a recovery phrase, and this is the key of a node, or for trying out",
        )
        .hint("use a wallet: name its file with --key, or leave --key out"));
    }
    let path = wallet_file(global)?;
    if !path.exists() {
        return Err(no_wallet(&path));
    }
    let file = KeyFile::read(&path)?;
    let passphrase = passphrase(&format!("Passphrase of {}: ", path.display()))?;
    Ok(file.open(&passphrase)?)
}

/// Where a secret is read from.
pub enum Source<'a> {
    /// A file.
    File(&'a Path),
    /// Whatever is piped into the command.
    Stdin,
}

/// Read a secret of at most `most` bytes.
pub fn read_secret(source: Source<'_>, most: u64) -> Result<Zeroizing<String>, UserError> {
    let mut text = Zeroizing::new(String::new());
    match source {
        Source::File(path) => {
            let named = |error: std::io::Error| {
                let error = UserError::from(error);
                UserError { message: format!("{}: {}", path.display(), error.message), ..error }
            };
            let file = std::fs::File::open(path).map_err(named)?;
            file.take(most).read_to_string(&mut text).map_err(named)?;
        }
        Source::Stdin => {
            std::io::stdin().take(most).read_to_string(&mut text)?;
        }
    }
    Ok(text)
}

/// The address of the account as its file has it, which needs no passphrase.
pub fn address(global: &Global) -> Result<String, UserError> {
    if let Some(account) = without_passphrase(global)? {
        return Ok(account.address());
    }
    let path = wallet_file(global)?;
    if !path.exists() {
        return Err(no_wallet(&path));
    }
    Ok(KeyFile::read(&path)?.address().to_owned())
}

/// Whether there is a key to use at all.
pub fn has_key(global: &Global) -> Result<bool, UserError> {
    Ok(global.key.is_some() || home()?.wallet().exists())
}

/// A node, an account and a home. The key is opened first: what is wrong with it is told before a node is asked.
pub async fn context(global: &Global) -> Result<Context, UserError> {
    let account = account(global)?;
    let home = home()?;
    Ok(Context { client: connect(global).await?, account, home })
}

/// The passphrase: from the file named in the environment, else from the terminal.
pub fn passphrase(prompt: &str) -> Result<Passphrase, UserError> {
    if let Some(path) = std::env::var_os(PASSPHRASE_FILE).filter(|path| !path.is_empty()) {
        let path = PathBuf::from(path);
        let text = std::fs::read_to_string(&path)
            .map_err(|error| UserError::disk(format!("{} in {PASSPHRASE_FILE}: {error}", path.display())))
            .map_err(|error| {
                error.hint(format!("name a file with the passphrase in {PASSPHRASE_FILE}, or unset it"))
            })?;
        return Ok(Passphrase::new(&text));
    }
    if !std::io::stdin().is_terminal() {
        return Err(UserError::usage("a passphrase is needed, and there is no terminal to ask for it")
            .hint(format!("write it to a file that only you can read and name that in {PASSPHRASE_FILE}")));
    }
    let text = prompt_password(prompt).map_err(|error| UserError::disk(format!("the terminal: {error}")))?;
    Ok(Passphrase::new(&text))
}

/// A passphrase for a new wallet: asked twice, never empty.
pub fn new_passphrase() -> Result<Passphrase, UserError> {
    let first = passphrase("Passphrase for the new wallet: ")?;
    if first.is_empty() {
        return Err(UserError::usage("an empty passphrase protects nothing").hint("choose a few words"));
    }
    let asked = std::env::var_os(PASSPHRASE_FILE).is_none_or(|path| path.is_empty());
    if asked && !passphrase("The same again: ")?.same_as(&first) {
        return Err(UserError::usage("the two passphrases differ").hint("nothing was written; run it again"));
    }
    Ok(first)
}

/// Read a link.
pub fn link(text: &str) -> Result<Link, UserError> {
    text.parse::<Link>().map_err(|error| FilesError::from(error).into())
}

/// Print the one object of `--json`.
pub fn print_json(value: &impl serde::Serialize) -> Result<(), UserError> {
    let text = serde_json::to_string(value).map_err(UserError::internal)?;
    println!("{text}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    #[test]
    fn a_key_of_a_node_s_keystore_is_used_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let account = Account::from_secret("//Provider-9").unwrap();
        let file = |id: [u8; 32]| dir.path().join(format!("73746174{}", hex::encode(id)));
        let path = file(account.id());
        std::fs::write(&path, "\"//Provider-9\"").unwrap();
        assert_eq!(of_keystore(&path).unwrap().map(|found| found.address()), Some(account.address()));
        // A wallet, or anything else, is no such file; and a key under another's name is not taken for it.
        assert!(of_keystore(&dir.path().join("wallet.json")).unwrap().is_none());
        std::fs::write(file([1; 32]), "\"//Provider-9\"").unwrap();
        assert_eq!(of_keystore(&file([1; 32])).unwrap_err().code, Code::WrongKey);
        std::fs::write(file([2; 32]), "no JSON").unwrap();
        assert_eq!(of_keystore(&file([2; 32])).unwrap_err().code, Code::Disk);
        assert_eq!(of_keystore(&file([3; 32])).unwrap_err().code, Code::NotFound);
    }
}
