//! What an honest peer gets from an honest server.

use super::*;
use crate::client::Error;
use futures::future::try_join_all;

#[tokio::test(flavor = "multi_thread")]
async fn pieces_come_back_as_they_were_sent() {
    let (_backend, address, peer) = honest().await;
    assert_eq!(peer.info(&address).await.unwrap().provider, AccountId::new([9; 32]));
    assert_eq!(peer.upload_status(&address, replica()).await.unwrap().missing().len(), 8);
    for piece in 0..PIECES {
        let siblings = vec![[piece as u8; 32]; 3];
        let complete = peer.upload_piece(&address, replica(), piece, data(piece), siblings).await.unwrap();
        assert_eq!(complete, piece == PIECES - 1);
    }
    assert!(peer.upload_status(&address, replica()).await.unwrap().missing().is_empty());
    for piece in 0..PIECES {
        let fetched = peer.fetch_piece(&address, shard(), piece).await.unwrap();
        assert_eq!(fetched, Piece { data: data(piece), siblings: vec![[piece as u8; 32]; 3] });
        assert_eq!(peer.repair_piece(&address, replica(), piece).await.unwrap(), fetched);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_requests_to_many_providers_go_at_once() {
    let peer = Peer::start_with(&GENESIS, impatient()).unwrap();
    let mut addresses = Vec::new();
    for _ in 0..3 {
        addresses.push(provider(Arc::default(), Quotas::default()).await);
    }
    // All at once from a standing start: the first requests wait for the dial, none may be lost.
    let uploads = addresses.iter().flat_map(|address| {
        (0..PIECES).map(|piece| peer.upload_piece(address, replica(), piece, data(piece), Vec::new()))
    });
    try_join_all(uploads).await.unwrap();
    let peer = &peer;
    let fetches = addresses.iter().flat_map(|address| {
        (0..PIECES).map(move |piece| {
            let peer = peer.clone();
            async move {
                let fetched = peer.fetch_piece(address, shard(), piece).await?;
                assert!(fetched.data == data(piece));
                Ok::<_, Error>(())
            }
        })
    });
    try_join_all(fetches).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_said() {
    let (_backend, address, peer) = honest().await;
    let error = peer.fetch_piece(&address, shard(), 0).await.unwrap_err();
    assert_eq!(error.refusal(), Some(Refusal::NotFound));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_provider_is_asked_again() {
    for refusal in [Refusal::Busy { retry_after_ms: 20 }, Refusal::NotAssigned] {
        let (backend, address, peer) = honest().await;
        *backend.refuse.lock() = (3, Some(refusal));
        assert!(peer.info(&address).await.is_ok(), "{refusal}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn patience_with_a_busy_provider_ends() {
    let backend = Arc::new(Memory::default());
    let address = provider(Arc::clone(&backend), Quotas::default()).await;
    let options = Options { patience: Duration::from_millis(300), ..impatient() };
    let peer = Peer::start_with(&GENESIS, options).unwrap();
    *backend.refuse.lock() = (u32::MAX, Some(Refusal::Busy { retry_after_ms: u32::MAX }));
    let error = peer.info(&address).await.unwrap_err();
    assert!(matches!(error.refusal(), Some(Refusal::Busy { .. })), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn work_at_once_is_bounded_and_all_is_done() {
    let backend = Arc::new(Memory { delay: Duration::from_millis(20), ..Memory::default() });
    let address = provider(Arc::clone(&backend), Quotas::default()).await;
    let options = Options {
        per_provider: 64,
        request_timeout: Duration::from_secs(10),
        patience: Duration::from_secs(30),
        ..impatient()
    };
    let peer = Peer::start_with(&GENESIS, options).unwrap();
    try_join_all((0..100).map(|_| peer.info(&address))).await.unwrap();
    let (now, most) = *backend.at_once.lock();
    assert_eq!(now, 0);
    assert!(most <= crate::server::WORKERS, "{most} at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_over_its_quota_is_slowed_down_and_not_cut_off() {
    let quotas = Quotas { requests_per_second: 20, request_burst: 5, ..Quotas::default() };
    let address = provider(Arc::default(), quotas).await;
    let peer = Peer::start_with(&GENESIS, impatient()).unwrap();
    let started = std::time::Instant::now();
    try_join_all((0..15).map(|_| peer.info(&address))).await.unwrap();
    assert!(started.elapsed() >= Duration::from_millis(450), "{:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_was_away_is_dialled_again() {
    let options = Options { keep_alive: Duration::from_millis(200), ..impatient() };
    let address = provider(Arc::default(), Quotas::default()).await;
    let peer = Peer::start_with(&GENESIS, options).unwrap();
    for _ in 0..3 {
        assert!(peer.info(&address).await.is_ok());
        // Long enough for the idle connection to be closed, by us or by the other side.
        tokio::time::sleep(Duration::from_millis(1200)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_call_leaves_no_trace() {
    let backend = Arc::new(Memory { delay: Duration::from_millis(300), ..Memory::default() });
    let address = provider(Arc::clone(&backend), Quotas::default()).await;
    let options = Options { in_flight: 1, ..impatient() };
    let peer = Peer::start_with(&GENESIS, options).unwrap();
    let call = tokio::time::timeout(Duration::from_millis(100), peer.info(&address)).await;
    assert!(call.is_err(), "the provider takes longer");
    assert!(peer.info(&address).await.is_ok(), "its place is free again");
}
