//! Pieces: the units of 1 MiB in which a shard travels, each checked by itself against `comm_d`.

use crate::{
    hash::Hash,
    io::{ReadAt, Result},
    proof::ProofError,
    tree::{inner, node_of_row, page_roots, OpeningError, Purpose},
    SizeClass, PAGE_BYTES,
};

/// The nodes beside the path from piece number `piece` up to `comm_d`, the lowest first; none if the shard is one piece.
/// `data_rows` are those that `data::commit` gave.
pub fn prove(data_rows: &dyn ReadAt, class: SizeClass, piece: u32) -> Result<Vec<Hash>> {
    if piece >= class.pieces() {
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, ProofError::Piece));
    }
    let mut siblings = Vec::new();
    let (mut width, mut place) = (u64::from(class.pieces()), u64::from(piece));
    while width > 1 {
        siblings.push(node_of_row(data_rows, width, place ^ 1)?);
        width /= 2;
        place /= 2;
    }
    Ok(siblings)
}

/// Check that `data` is piece number `piece` of the shard that `comm_d` commits to.
pub fn verify(
    comm_d: &Hash,
    class: SizeClass,
    piece: u32,
    data: &[u8],
    siblings: &[Hash],
) -> core::result::Result<(), ProofError> {
    if piece >= class.pieces() || data.len() != class.piece_bytes() {
        return Err(ProofError::Piece);
    }
    if siblings.len() as u64 != u64::from(class.pieces().trailing_zeros()) {
        return Err(ProofError::Data(OpeningError::Lemmas));
    }
    let first_page = u64::from(piece) * (class.piece_bytes() / PAGE_BYTES) as u64;
    let mut row = page_roots(&Purpose::Data, first_page, data);
    while row.len() > 1 {
        row = row.chunks_exact(2).map(|pair| inner(&pair[0], &pair[1])).collect();
    }
    let mut place = piece;
    let mut node = row[0];
    for sibling in siblings {
        node = if place.is_multiple_of(2) { inner(&node, sibling) } else { inner(sibling, &node) };
        place /= 2;
    }
    if node == *comm_d {
        Ok(())
    } else {
        Err(ProofError::Data(OpeningError::Root))
    }
}
