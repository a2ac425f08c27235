//! Servers that do not keep to the protocol, and clients that do not.

use super::*;
use crate::{
    client::Error,
    protocol::{Request, Response, MAX_MESSAGE, OVERHEAD},
};
use codec::Encode;
use litep2p::protocol::request_response::DialOptions;
use std::time::Instant;

/// What a bad server does with each request.
#[derive(Clone)]
enum Vice {
    Says(Vec<u8>),
    Silent,
    HangsUp,
}

fn bad_server(vice: Vice) -> Vec<u8> {
    let (mut litep2p, mut handle, address) = node(&GENESIS, 8 * MAX_MESSAGE);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                event = litep2p.next_event() => if event.is_none() { return },
                event = handle.next() => match event {
                    Some(RequestResponseEvent::RequestReceived { request_id, .. }) => match &vice {
                        Vice::Says(bytes) => handle.send_response(request_id, bytes.clone()),
                        Vice::Silent => {}
                        Vice::HangsUp => handle.reject_request(request_id),
                    },
                    Some(_) => {}
                    None => return,
                },
            }
        }
    });
    address
}

async fn ask(vice: Vice) -> Error {
    let address = bad_server(vice);
    let options = Options { patience: Duration::from_secs(1), ..impatient() };
    let peer = Peer::start_with(&GENESIS, options).unwrap();
    peer.fetch_piece(&address, shard(), 0).await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_oversized_answer_is_not_read() {
    let piece = Piece { data: vec![1; 3 * MAX_MESSAGE], siblings: Vec::new() };
    let error = ask(Vice::Says(Response::Piece(piece).encode())).await;
    assert!(matches!(error, Error::Unreachable { .. } | Error::Nonsense { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_called_garbage() {
    let long = Piece { data: vec![1; 2], siblings: vec![[0; 32]; OVERHEAD / 32] };
    let bitmap = UploadState::Receiving { pieces: u32::MAX, have: vec![0xff; 3] };
    let mut trailing = Response::Refused(Refusal::Internal).encode();
    trailing.push(0);
    for bytes in [
        vec![],
        vec![0xff; 1000],
        trailing,
        Response::Accepted { complete: true }.encode(),
        Response::Piece(long).encode(),
        Response::Upload(bitmap).encode(),
        // A vector that says it is 1 GiB long.
        [&[3u8][..], &codec::Compact(1u32 << 30).encode()].concat(),
    ] {
        let error = ask(Vice::Says(bytes.clone())).await;
        assert!(matches!(error, Error::Nonsense { .. }), "{bytes:?}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_server_costs_a_bounded_time() {
    let started = Instant::now();
    let error = ask(Vice::Silent).await;
    assert!(matches!(error, Error::Timeout(_)), "{error}");
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_up_counts_as_busy() {
    let error = ask(Vice::HangsUp).await;
    assert!(matches!(error.refusal(), Some(Refusal::Busy { .. })), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_there_is_unreachable() {
    let (litep2p, _handle, address) = node(&GENESIS, MAX_MESSAGE);
    drop(litep2p);
    let peer = Peer::start_with(&GENESIS, impatient()).unwrap();
    let error = peer.info(&address).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    let error = peer.info(b"/ip4/127.0.0.1/tcp/1").await.unwrap_err();
    assert!(matches!(error, Error::BadAddress(_)), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_identity_at_the_address_is_unreachable() {
    let (_, address, peer) = honest().await;
    let text = String::from_utf8(address).unwrap();
    let (place, _) = text.split_once("/p2p/").unwrap();
    let other = format!("{place}/p2p/{}", litep2p::PeerId::random());
    let error = peer.info(other.as_bytes()).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_station_of_another_chain_is_no_provider() {
    let (_, address, _) = honest().await;
    let peer = Peer::start_with(&[8; 32], impatient()).unwrap();
    let error = peer.info(&address).await.unwrap_err();
    assert!(matches!(error, Error::NoProvider(_)), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_provider_does_not_hold_up_the_others() {
    let silent = bad_server(Vice::Silent);
    let (_, address, _) = honest().await;
    let options = Options { per_provider: 4, in_flight: 8, ..impatient() };
    let peer = Peer::start_with(&GENESIS, options).unwrap();
    for _ in 0..50 {
        let (peer, silent) = (peer.clone(), silent.clone());
        tokio::spawn(async move { peer.info(&silent).await });
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    let started = Instant::now();
    assert!(peer.info(&address).await.is_ok());
    assert!(started.elapsed() < Duration::from_millis(500), "{:?}", started.elapsed());
}

/// Sends raw bytes to an honest server and reads what it says.
async fn send_raw(request: Vec<u8>) -> Option<Response> {
    let (_, address, _) = honest().await;
    let (mut litep2p, mut handle, _) = node(&GENESIS, 8 * MAX_MESSAGE);
    let address = crate::client::Address::parse(&address).unwrap();
    litep2p.add_known_address(address.peer(), std::iter::once(address.multiaddr().clone()));
    handle.send_request(address.peer(), request, DialOptions::Dial).await.unwrap();
    let deadline = tokio::time::sleep(Duration::from_secs(5));
    tokio::pin!(deadline);
    loop {
        tokio::select! {
            _ = litep2p.next_event() => {}
            event = handle.next() => match event {
                Some(RequestResponseEvent::ResponseReceived { response, .. }) => {
                    return Some(protocol::decode_response(&response).unwrap());
                }
                Some(RequestResponseEvent::RequestFailed { .. }) => return None,
                _ => {}
            },
            _ = &mut deadline => panic!("no answer, not even a refusal"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_requests_are_refused() {
    let upload = |data: usize, siblings: usize| {
        let siblings = vec![[0; 32]; siblings];
        Request::UploadPiece { replica: replica(), piece: 0, data: vec![0; data], siblings }
    };
    let mut trailing = Request::Info.encode();
    trailing.push(0);
    for request in [
        vec![],
        vec![0xff; 100],
        trailing,
        upload(0, 0).encode(),
        upload(MAX_MESSAGE - 1000, 0).encode(),
        upload(1, 11).encode(),
    ] {
        let said = send_raw(request.clone()).await;
        let length = request.len();
        assert_eq!(said, Some(Response::Refused(Refusal::Malformed)), "{length} bytes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_oversized_request_is_cut_off() {
    assert_eq!(send_raw(vec![0; MAX_MESSAGE + 1]).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_nobody_takes_do_not_fill_the_memory() {
    use crate::server::MAX_UNSENT;
    use sc_network_types::PeerId;
    let backend = Arc::new(Memory::default());
    backend.pieces.lock().insert((shard(), 0), Piece { data: data(0), siblings: vec![[1; 32]] });
    let (queue, inbound) = async_channel::bounded(crate::server::QUEUE);
    let quotas = Quotas::default();
    tokio::spawn(Server::run_with(inbound, backend, quotas));
    let ask = |peer: PeerId| {
        let (pending_response, answer) = futures::channel::oneshot::channel();
        let payload = Request::FetchPiece { shard: shard(), piece: 0 }.encode();
        let queue = queue.clone();
        async move {
            queue.send(IncomingRequest { peer, payload, pending_response }).await.unwrap();
            let answer = answer.await.unwrap();
            (protocol::decode_response(&answer.result.unwrap()).unwrap(), answer.sent_feedback)
        }
    };
    // Those who ask and do not read: each gets what one peer may have, all together what there is for all.
    let mut unread = Vec::new();
    for _ in 0..MAX_UNSENT / MAX_MESSAGE {
        let peer = PeerId::random();
        let mut of_peer = 0;
        while let (Response::Piece(_), feedback) = ask(peer).await {
            unread.push(feedback.unwrap());
            of_peer += 1;
        }
        assert!(of_peer <= quotas.in_work, "{of_peer} answers for one peer");
    }
    assert_eq!(unread.len(), MAX_UNSENT / MAX_MESSAGE.next_multiple_of(1 << 10));
    let (said, _) = ask(PeerId::random()).await;
    assert!(matches!(said, Response::Refused(Refusal::Busy { .. })), "{said:?}");
    // One connection ends, another reads: there is room again.
    drop(unread.pop());
    unread.pop().unwrap().send(()).unwrap();
    let honest = PeerId::random();
    for _ in 0..100 {
        if let (Response::Piece(piece), _) = ask(honest).await {
            assert_eq!(piece.data, data(0));
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("nobody is served any more");
}
