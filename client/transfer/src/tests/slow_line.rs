//! A provider behind a slow line: what it sends waits in its own buffers, and libp2p's ping behind it.

use super::{real_network::network, *};
use sc_network::Litep2pNetworkBackend;
use std::time::Instant;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Bytes a second towards the reader: a megabit.
const RATE: u64 = 128 << 10;

/// A line to `address`, slow on the way back. Returns the address of its near end.
async fn line(address: &str) -> String {
    let far = address.split('/').nth(4).unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = listener.local_addr().unwrap().port().to_string();
    let through = address.replace(&format!("/tcp/{far}/"), &format!("/tcp/{near}/"));
    tokio::spawn(async move {
        while let Ok((reader, _)) = listener.accept().await {
            let provider = TcpStream::connect(format!("127.0.0.1:{far}")).await.unwrap();
            let (mut from_reader, mut to_reader) = reader.into_split();
            let (mut from_provider, mut to_provider) = provider.into_split();
            tokio::spawn(async move { tokio::io::copy(&mut from_reader, &mut to_provider).await });
            tokio::spawn(async move {
                let mut buffer = vec![0; 8 << 10];
                while let Ok(bytes @ 1..) = from_provider.read(&mut buffer).await {
                    tokio::time::sleep(Duration::from_micros(bytes as u64 * 1_000_000 / RATE)).await;
                    if to_reader.write_all(&buffer[..bytes]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    through
}

#[tokio::test(flavor = "multi_thread")]
async fn pieces_asked_for_together_come_over_a_line_of_a_megabit() {
    const ASKED: u32 = 4;
    let backend = Arc::new(Memory::default());
    for piece in 0..ASKED {
        backend.pieces.lock().insert((shard(), piece), Piece { data: data(piece), siblings: vec![[7; 32]] });
    }
    let (_service, address) = network::<Litep2pNetworkBackend>(backend).await;
    let address = line(std::str::from_utf8(&address).unwrap()).await.into_bytes();
    let peer = Peer::start(&GENESIS).unwrap();
    let begun = Instant::now();
    // All at once they would fill the sender's buffer for 32 s, and the connection be closed after 20.
    let pieces = (0..ASKED).map(|piece| peer.fetch_piece(&address, shard(), piece));
    let pieces = futures::future::try_join_all(pieces).await.unwrap();
    for (number, piece) in (0..ASKED).zip(pieces) {
        assert!(piece.data == data(number) && piece.siblings == [[7; 32]]);
    }
    let took = begun.elapsed();
    let ideal = Duration::from_secs(u64::from(ASKED) * (1 << 20) / RATE);
    assert!(took > ideal * 9 / 10 && took < ideal * 2, "{took:?} where the line takes {ideal:?}");
}
