//! Find an account's contents again from the chain alone.
//!
//! Every deal that this program submits carries a memo: which content it holds, under which key and name, and which of the
//! content's deals it is, encrypted for the account itself. So the chain is the index of an account's files: two machines
//! with the same words never lose an entry to each other, for each entry lives and ends with its deals, and a new machine
//! needs the words and a node, nothing else.

use crate::{
    error::FilesError,
    fetch::Fetcher,
    get::read_manifest,
    index::{Index, IndexEntry},
    Context,
};
use station_client_crypto::{Account, ContentKey, Link, Memo, MemoError};
use station_client_rpc::client::Client;
use station_primitives::{api::DealInfo, AccountId, BlockNumber, DealId, ShardState, Tick, MAX_PAGE};
use std::{
    collections::{BTreeMap, HashSet},
    ffi::OsString,
    os::unix::ffi::OsStringExt,
    sync::Arc,
};

/// Deals of one account that are looked at: far more than an index holds, and still bounded, whatever a node answers.
const MAX_DEALS: usize = 1_000_000;

/// A content, put together from the memos of its deals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Its link. With deals missing, it names those that are there: enough to end them.
    pub link: Link,
    /// Its name as bytes.
    pub name: Vec<u8>,
    /// Whether the name was too long for the memo; the manifest has all of it.
    pub cut: bool,
    /// Whether it is a folder.
    pub folder: bool,
    /// Its bytes.
    pub bytes: u64,
    /// When it was put, by the putting machine's clock: seconds since 1970.
    pub time: u64,
    /// The block in which its first deal was submitted.
    pub added: BlockNumber,
    /// Its worst deal's state.
    pub state: ShardState,
    /// The tick at which the first of its deals ends.
    pub expires: Tick,
    /// Deals that it lacks: its put was never finished, or they have ended.
    pub missing: usize,
}

impl Content {
    /// As the index keeps it.
    pub(crate) fn entry(&self) -> IndexEntry {
        IndexEntry {
            link: self.link.to_string(),
            name: String::from_utf8_lossy(&self.name).into_owned(),
            bytes: self.bytes,
            added: self.added,
            deals: self.link.deals.clone(),
            folder: self.folder,
            time: self.time,
            expires: Some(self.expires),
            recorded: true,
        }
    }
}

/// What the chain knows of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Its contents, the oldest first.
    pub contents: Vec<Content>,
    /// The keys of contents whose deals were all cancelled and only run out.
    pub cancelled: Vec<ContentKey>,
    /// Deals that carry no memo: they were given to this account by another, or made by another program.
    pub loose: Vec<DealId>,
    /// Deals whose memos this account cannot read, and why.
    pub unreadable: Vec<(DealId, MemoError)>,
    /// All deals that were looked at.
    pub deals: usize,
}

/// Look at all deals of the context's account.
///
/// # Errors
/// [`FilesError::Chain`].
pub async fn find(client: &Client, account: &Account) -> Result<Found, FilesError> {
    let id = AccountId::new(account.id());
    let mut deals: Vec<DealInfo> = Vec::new();
    let mut cursor = None;
    loop {
        let page = client.deals(&id, cursor, MAX_PAGE).await?;
        let Some(last) = page.last() else { break };
        // A node that answers in circles must not keep us for ever.
        if cursor.is_some_and(|cursor| last.id <= cursor) || deals.len() > MAX_DEALS {
            return Err(FilesError::Internal("the node lists the account's deals out of order".into()));
        }
        cursor = Some(last.id);
        deals.extend(page);
    }
    Ok(assemble(account, &client.genesis().0, deals))
}

/// Put contents together from deals in the order of their numbers.
fn assemble(account: &Account, genesis: &[u8; 32], deals: Vec<DealInfo>) -> Found {
    let mut found = Found { deals: deals.len(), ..Found::default() };
    let mut parts: BTreeMap<[u8; 32], Vec<(Memo, DealInfo)>> = BTreeMap::new();
    for deal in deals {
        if deal.memo.is_empty() {
            // One that only runs out is nobody's to wonder about.
            if !deal.cancelled {
                found.loose.push(deal.id);
            }
            continue;
        }
        match Memo::open(account, genesis, &deal.memo) {
            Ok(memo) => parts.entry(*memo.key.expose()).or_default().push((memo, deal)),
            Err(error) => found.unreadable.push((deal.id, error)),
        }
    }
    for (key, deals) in parts {
        // Those that run on; of a part that was submitted twice, the later one: that is the one its put went on with.
        let mut running: BTreeMap<u8, (Memo, DealInfo)> = BTreeMap::new();
        for (memo, deal) in deals.into_iter().filter(|(_, deal)| !deal.cancelled) {
            if let Some((_, before)) = running.insert(memo.part, (memo, deal)) {
                found.loose.push(before.id);
            }
        }
        match content(genesis, &running) {
            Some(content) => found.contents.push(content),
            None => found.cancelled.push(ContentKey::from_bytes(key)),
        }
    }
    found.contents.sort_by_key(|content| (content.added, content.link.deals.first().copied()));
    found.loose.sort_unstable();
    found
}

/// The content that these parts make; none if there are none.
fn content(genesis: &[u8; 32], parts: &BTreeMap<u8, (Memo, DealInfo)>) -> Option<Content> {
    let (memo, first) = parts.values().next()?;
    let deals = parts.values().map(|(_, deal)| deal.id.0).collect();
    let states = parts.values().map(|(_, deal)| deal.state);
    Some(Content {
        link: Link::new(genesis, deals, memo.key.clone()).with_parity(memo.parity),
        name: memo.name.clone(),
        cut: memo.cut,
        folder: memo.folder,
        bytes: memo.bytes,
        time: memo.added,
        added: parts.values().map(|(_, deal)| deal.submitted).min().unwrap_or(first.submitted),
        state: states.max_by_key(|state| rank(*state)).unwrap_or(first.state),
        expires: parts.values().map(|(_, deal)| deal.expires).min().unwrap_or(first.expires),
        missing: usize::from(memo.parts).saturating_sub(parts.len()),
    })
}

/// How bad a state is. *Pending* is no fault, and yet not safe.
pub const fn rank(state: ShardState) -> u8 {
    match state {
        ShardState::Healthy => 0,
        ShardState::Pending => 1,
        ShardState::Degraded => 2,
        ShardState::BelowMinimum => 3,
        ShardState::Lost => 4,
    }
}

/// Something of the account, and how it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// What the index says of it.
    pub entry: IndexEntry,
    /// What the chain says of it; none for what the chain does not tell, or not any more.
    pub content: Option<Content>,
}

/// All that an account has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The oldest first.
    pub entries: Vec<Listed>,
    /// As [`Found::loose`], without the deals that an entry of this machine's index names.
    pub loose: Vec<DealId>,
    /// As [`Found::unreadable`].
    pub unreadable: Vec<(DealId, MemoError)>,
    /// The tick at which all this was so.
    pub tick: Tick,
    /// Where a damaged index was moved to, if it was.
    pub set_aside: Option<std::path::PathBuf>,
}

/// All that the context's account has, from the chain and from this machine's index, which is made to agree with it.
///
/// # Errors
/// [`FilesError::UnknownAccount`] when neither the chain nor this machine has ever heard of the account: an empty list
/// would look as if all were well.
pub async fn list(context: &Context) -> Result<Listing, FilesError> {
    let Context { client, account, home } = context;
    let genesis = client.genesis().0;
    let index = Index::new(home, account);
    let mut set_aside = None;
    let before = match index.entries() {
        // The chain has what it held.
        Err(FilesError::LocalRecord { .. }) => {
            set_aside = Some(index.set_aside()?);
            Vec::new()
        }
        entries => entries?,
    };
    let found = find(client, account).await?;
    if found.deals == 0 && before.is_empty() && !is_known(client, &AccountId::new(account.id())).await? {
        return Err(FilesError::UnknownAccount(account.address()));
    }
    let tick = client.summary().await?.tick;
    let entries = index.merge(&before, &found, &genesis, tick)?;
    let named: HashSet<u64> = entries.iter().flat_map(|entry| entry.deals.iter().copied()).collect();
    let loose = found.loose.into_iter().filter(|deal| !named.contains(&deal.0)).collect();
    let mut contents: BTreeMap<String, Content> =
        found.contents.into_iter().map(|content| (content.link.to_string(), content)).collect();
    let listed = |entry: IndexEntry| Listed { content: contents.remove(&entry.link), entry };
    let entries = entries.into_iter().map(listed).collect();
    Ok(Listing { entries, loose, unreadable: found.unreadable, tick, set_aside })
}

/// Whether the chain has ever heard of an account that has no deals: it has money, or has signed something, or keeps
/// other people's data.
async fn is_known(client: &Client, account: &AccountId) -> Result<bool, FilesError> {
    let money = client.money(account).await?;
    if [money.free, money.escrow, money.collateral, money.channels].iter().any(|amount| *amount > 0) {
        return Ok(true);
    }
    Ok(client.nonce(account).await? > 0 || client.provider(account).await?.is_some())
}

/// The whole name of a content whose memo had to cut it.
///
/// # Errors
/// As [`crate::get`].
pub async fn whole_name(client: &Arc<Client>, link: &Link) -> Result<Vec<u8>, FilesError> {
    let fetcher = Fetcher::open(client, link).await?;
    Ok(read_manifest(&fetcher, link).await?.name)
}

/// Where each of several contents goes in one folder: under its own name; of several with the same name, all but the first
/// with the number of its deal, which stays the same from one run to the next. `contents` are names and first deals.
pub fn places(contents: &[(Vec<u8>, DealId)]) -> Vec<OsString> {
    let mut taken: HashSet<Vec<u8>> = HashSet::new();
    let place = |(name, deal): &(Vec<u8>, DealId)| {
        let usable = !matches!(name.as_slice(), b"" | b"." | b"..") && !name.contains(&b'/') && !name.contains(&0);
        let mut place = if usable { name.clone() } else { format!("deal {deal}").into_bytes() };
        while !taken.insert(place.clone()) {
            place.extend_from_slice(format!(" (deal {deal})").as_bytes());
        }
        OsString::from_vec(place)
    };
    contents.iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GENESIS: [u8; 32] = [2; 32];

    fn alice() -> Account {
        Account::from_dev_uri("//Alice").unwrap()
    }

    fn memo(key: u8, part: u8, parts: u8) -> Memo {
        Memo {
            key: ContentKey::from_bytes([key; 32]),
            part,
            parts,
            folder: false,
            bytes: 77,
            added: 1_000,
            name: format!("file {key}").into_bytes(),
            cut: false,
            parity: None,
        }
    }

    fn deal(id: u64, memo: Vec<u8>) -> DealInfo {
        DealInfo {
            id: DealId(id),
            client: AccountId::new(alice().id()),
            shards: 1,
            bytes: 1 << 20,
            replicas: 3,
            max_price: 0,
            periods: 5,
            submitted: 10 + u32::try_from(id).unwrap(),
            expires: 1_000 - u32::try_from(id).unwrap(),
            escrow: 0,
            spent: 0,
            state: ShardState::Healthy,
            cancelled: false,
            memo,
        }
    }

    fn with(id: u64, key: u8, part: u8, parts: u8) -> DealInfo {
        deal(id, memo(key, part, parts).seal(&alice(), &GENESIS))
    }

    #[test]
    fn contents_are_put_together_from_their_deals_whatever_lies_between() {
        let mut worst = with(7, 1, 1, 3);
        worst.state = ShardState::Degraded;
        let deals = vec![with(3, 1, 0, 3), with(4, 2, 0, 1), worst, with(9, 1, 2, 3)];
        let found = assemble(&alice(), &GENESIS, deals);
        assert_eq!(found.deals, 4);
        assert!(found.loose.is_empty() && found.unreadable.is_empty() && found.cancelled.is_empty());
        let [first, second] = &found.contents[..] else { panic!("{found:?}") };
        assert_eq!(first.link, Link::new(&GENESIS, vec![3, 7, 9], ContentKey::from_bytes([1; 32])));
        assert_eq!((first.missing, first.added, first.expires), (0, 13, 991));
        assert_eq!(first.state, ShardState::Degraded, "the worst deal's state is the content's");
        assert_eq!((&first.name[..], first.bytes, first.time), (&b"file 1"[..], 77, 1_000));
        assert_eq!(second.link.deals, [4]);
    }

    #[test]
    fn the_link_of_content_with_parity_says_so() {
        let memo = Memo { parity: station_client_crypto::Parity::new(4, 2), ..memo(1, 0, 1) };
        let found = assemble(&alice(), &GENESIS, vec![deal(1, memo.seal(&alice(), &GENESIS))]);
        assert_eq!(found.contents[0].link.parity, memo.parity);
    }

    #[test]
    fn the_parts_of_a_link_stand_in_their_own_order() {
        // A part that was submitted again after a re-org has a later number than the part after it.
        let found = assemble(&alice(), &GENESIS, vec![with(5, 1, 1, 2), with(6, 1, 0, 2)]);
        assert_eq!(found.contents[0].link.deals, [6, 5]);
    }

    #[test]
    fn what_lacks_deals_says_how_many() {
        let found = assemble(&alice(), &GENESIS, vec![with(3, 1, 0, 3)]);
        assert_eq!((found.contents[0].missing, &found.contents[0].link.deals[..]), (2, &[3][..]));
    }

    #[test]
    fn what_was_cancelled_is_told_apart_and_what_was_half_cancelled_is_shown() {
        let mut gone = with(1, 1, 0, 1);
        gone.cancelled = true;
        let mut half = with(2, 2, 0, 2);
        half.cancelled = true;
        let found = assemble(&alice(), &GENESIS, vec![gone, half, with(3, 2, 1, 2)]);
        assert_eq!(found.cancelled, [ContentKey::from_bytes([1; 32])]);
        assert_eq!(found.contents.len(), 1);
        assert_eq!((found.contents[0].missing, &found.contents[0].link.deals[..]), (1, &[3][..]));
    }

    #[test]
    fn of_a_part_that_is_there_twice_the_later_one_counts() {
        let found = assemble(&alice(), &GENESIS, vec![with(1, 1, 0, 1), with(2, 1, 0, 1)]);
        assert_eq!(found.contents[0].link.deals, [2]);
        assert_eq!(found.loose, [DealId(1)], "nobody pays for a deal without being told of it");
    }

    #[test]
    fn deals_without_a_memo_and_with_another_s_are_told() {
        let bob = Account::from_dev_uri("//Bob").unwrap();
        let foreign = deal(2, memo(1, 0, 1).seal(&bob, &GENESIS));
        let elsewhere = deal(3, memo(1, 0, 1).seal(&alice(), &[0; 32]));
        let mut running_out = deal(4, Vec::new());
        running_out.cancelled = true;
        let found = assemble(&alice(), &GENESIS, vec![deal(1, Vec::new()), foreign, elsewhere, running_out]);
        assert_eq!(found.loose, [DealId(1)]);
        assert_eq!(found.unreadable, [(DealId(2), MemoError::WrongKey), (DealId(3), MemoError::WrongKey)]);
        assert!(found.contents.is_empty());
    }

    #[test]
    fn a_memo_is_as_long_as_the_chain_takes_it() {
        let sealed = memo(1, 0, 1).seal(&alice(), &GENESIS);
        assert_eq!(u32::try_from(sealed.len()), Ok(station_primitives::MEMO_BYTES));
    }

    #[test]
    fn every_content_gets_a_place_of_its_own_inside_the_folder() {
        let named = |names: &[&str]| {
            let contents: Vec<_> =
                names.iter().zip(1..).map(|(name, id)| (name.as_bytes().to_vec(), DealId(id))).collect();
            places(&contents).into_iter().map(|place| place.into_string().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(named(&["a", "b", "a"]), ["a", "b", "a (deal 3)"]);
        assert_eq!(named(&["a", "a (deal 3)", "a"]), ["a", "a (deal 3)", "a (deal 3) (deal 3)"]);
        assert_eq!(
            named(&["", "..", ".", "../x", "/etc", "a\0b"]),
            ["deal 1", "deal 2", "deal 3", "deal 4", "deal 5", "deal 6"]
        );
    }
}
