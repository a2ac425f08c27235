//! What is gone for good, said plainly.

use crate::{
    error::tkt,
    manifest::{Content, Manifest},
    parity::Stripes,
};
use station_porep::SizeClass;
use station_primitives::{api::ShardInfo, Balance, ShardId, ShardState};
use std::{collections::BTreeSet, fmt};

/// Names that an error tells; a list of thousands helps nobody.
const NAMED: usize = 10;

/// Shards of which, by the chain, no replica is left, and which parity does not bring back either.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loss {
    /// Their places in the flat space.
    pub(crate) gone: BTreeSet<usize>,
    /// The shards of data that are gone, in their order.
    pub shards: Vec<ShardId>,
    /// Their bytes.
    pub bytes: u64,
    /// All shards of the content, those of parity too.
    pub of: usize,
    /// What the client was paid out of slashes because of the shards that have no replica left, in plancks.
    pub compensated: Balance,
    /// The files that are gone with them; none if the manifest is gone, and with it all of them.
    pub files: Option<LostFiles>,
}

/// Files of which a part at least is gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LostFiles {
    /// Their paths and lengths in bytes, at most ten of them.
    pub first: Vec<(String, u64)>,
    /// How many there are.
    pub count: usize,
    /// Their bytes.
    pub bytes: u64,
}

impl Loss {
    /// By what the chain says of all shards, those of `data` first.
    pub(crate) fn of(infos: &[ShardInfo], stripes: Option<&Stripes>, data: &[SizeClass]) -> Self {
        let lost = |index: &usize| infos.get(*index).is_some_and(|info| info.state == ShardState::Lost);
        let beyond = |index: usize| match stripes {
            None => true,
            Some(stripes) => {
                let members = stripes.members(stripes.stripe_of(index));
                members.iter().filter(|member| lost(member)).count() > stripes.parity_in_each()
            }
        };
        let gone: BTreeSet<usize> = (0..data.len()).filter(|index| lost(index) && beyond(*index)).collect();
        Self {
            shards: gone.iter().map(|index| infos[*index].id).collect(),
            bytes: gone.iter().map(|index| data[*index].bytes()).sum(),
            of: infos.len(),
            compensated: (0..infos.len()).filter(lost).map(|index| infos[index].compensated).sum(),
            files: None,
            gone,
        }
    }

    /// Find out which files lie in the shards that are gone.
    pub(crate) fn name_files(&mut self, manifest: &Manifest, data: &[SizeClass]) {
        let mut ranges = Vec::new();
        let mut from = 0u64;
        for (index, class) in data.iter().enumerate() {
            let to = from.saturating_add(class.bytes());
            if self.gone.contains(&index) {
                ranges.push((from, to));
            }
            from = to;
        }
        let mut files = LostFiles::default();
        for entry in &manifest.entries {
            let Content::File { len, offset, .. } = entry.content else { continue };
            if len == 0 || !ranges.iter().any(|(from, to)| offset < *to && entry.content.end() > *from) {
                continue;
            }
            files.count += 1;
            files.bytes = files.bytes.saturating_add(len);
            if files.first.len() < NAMED {
                let path = if entry.path.is_empty() { &manifest.name } else { &entry.path };
                files.first.push((String::from_utf8_lossy(path).into_owned(), len));
            }
        }
        self.files = Some(files);
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<_> = self.shards.iter().take(NAMED).map(ToString::to_string).collect();
        let more = if self.shards.len() > NAMED { ", …" } else { "" };
        write!(
            f,
            "lost: no replica is left of {} of {} shards ({} bytes: {}{more}), and they cannot be computed from what is left; ",
            self.shards.len(),
            self.of,
            self.bytes,
            ids.join(", ")
        )?;
        match &self.files {
            None => write!(f, "the list of files may be among it")?,
            Some(files) => {
                let named: Vec<_> = files.first.iter().map(|(path, len)| format!("{path} ({len} bytes)")).collect();
                write!(f, "gone with them: {} files of {} bytes: {}", files.count, files.bytes, named.join(", "))?;
                if files.count > files.first.len() {
                    write!(f, " and {} more", files.count - files.first.len())?;
                }
            }
        }
        write!(f, "; the client was compensated with {} TKT", tkt(self.compensated))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Entry, Mtime};
    use station_client_crypto::{ContentKey, Parity};
    use station_primitives::DealId;

    fn shards(states: &[ShardState]) -> Vec<ShardInfo> {
        let info = |(index, state): (u32, &ShardState)| ShardInfo {
            id: ShardId { deal: DealId(7), index },
            comm_d: [0; 32],
            size: SizeClass::MIN.bytes(),
            state: *state,
            live: 0,
            target: 3,
            repairing_since: None,
            replicas: Vec::new(),
            history: Vec::new(),
            orders: Vec::new(),
            compensated: 1_000_000_000_000,
        };
        (0..).zip(states).map(info).collect()
    }

    #[test]
    fn lost_is_only_what_parity_does_not_bring_back() {
        use ShardState::{BelowMinimum, Healthy, Lost};
        let data = [SizeClass::MIN; 4];
        let stripes = Stripes::behind(Parity::new(4, 2).unwrap(), 4);
        let of = |states: &[ShardState]| Loss::of(&shards(states), Some(&stripes), &data);
        let within = of(&[Lost, Lost, Healthy, Healthy, Healthy, Healthy]);
        assert!(within.shards.is_empty(), "{within:?}");
        // Whoever is below the minimum may come back.
        assert!(of(&[Lost, Lost, BelowMinimum, BelowMinimum, Healthy, Healthy]).shards.is_empty());
        let beyond = of(&[Lost, Lost, Healthy, Healthy, Lost, Healthy]);
        assert_eq!((beyond.gone.len(), beyond.bytes, beyond.of), (2, 128 << 10, 6));
        assert_eq!(beyond.compensated, 3_000_000_000_000);
        assert!(of(&[Healthy, Healthy, Healthy, Healthy, Lost, Lost]).shards.is_empty(), "no data is lost");
        let plain = Loss::of(&shards(&[Healthy, Lost, Healthy, Healthy]), None, &data);
        assert_eq!(plain.shards, [ShardId { deal: DealId(7), index: 1 }]);
    }

    #[test]
    fn files_in_lost_shards_are_named_and_no_others() {
        let entry = |path: &str, content| Entry { path: path.into(), mode: 0o644, mtime: Mtime::default(), content };
        let file = |offset, len| Content::File { len, offset, key: ContentKey::from_bytes([1; 32]), digest: [0; 32] };
        let manifest = Manifest::new(
            b"photos".to_vec(),
            vec![
                entry("", Content::Folder),
                entry("before", file(80, 1_000)),
                entry("across", file(60_000, 10_000)),
                entry("empty", file(70_100, 0)),
                entry("after", file(140_000, 9)),
            ],
        );
        let data = [SizeClass::MIN; 3];
        use ShardState::{Healthy, Lost};
        let mut loss = Loss::of(&shards(&[Healthy, Lost, Healthy]), None, &data);
        loss.name_files(&manifest, &data);
        let files = loss.files.clone().unwrap();
        assert_eq!((files.count, files.bytes, files.first), (1, 10_000, vec![("across".into(), 10_000)]));
        let text = loss.to_string();
        for part in ["lost", "7/1", "across (10000 bytes)", "1 TKT", "1 of 3 shards"] {
            assert!(text.contains(part), "no {part} in: {text}");
        }
    }
}
