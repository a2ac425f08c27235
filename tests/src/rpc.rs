//! JSON-RPC over plain HTTP, without a client library: what `curl` would send.

use serde_json::{json, Value};
use std::{
    io::{self, Read, Write},
    net::TcpStream,
    time::Duration,
};

/// Longer than any single answer takes on a loaded machine.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Call a method at `url` (`ws://…` or `http://…`, the node serves both on one port).
///
/// # Panics
/// When the node does not answer, or answers with an error.
pub fn call(url: &str, method: &str, params: Value) -> Value {
    let answer = raw(url, &request(method, &params)).unwrap_or_else(|e| panic!("{method} at {url}: {e}"));
    assert!(answer.get("error").is_none(), "{method}{params} failed: {}", answer["error"]);
    answer["result"].clone()
}

/// Call a method; `None` when the node does not answer, or answers with an error.
pub fn ask(url: &str, method: &str, params: Value) -> Option<Value> {
    let mut answer = raw(url, &request(method, &params)).ok()?;
    answer.get("error").is_none().then(|| answer["result"].take())
}

/// Call a method that is to fail, and return its error object.
///
/// # Panics
/// When the node does not answer, or the call succeeds.
pub fn fails(url: &str, method: &str, params: Value) -> Value {
    let answer = raw(url, &request(method, &params)).unwrap_or_else(|e| panic!("{method} at {url}: {e}"));
    assert!(answer.get("error").is_some(), "{method}{params} succeeded: {}", answer["result"]);
    answer["error"].clone()
}

/// What is wrong with the chain's ledgers, if there is a node to ask and anything is wrong.
///
/// The runtime checks every invariant of the storage pallets; it answers `Result<(), String>` in SCALE.
pub fn try_state(url: &str) -> Option<String> {
    let answer = raw(url, &request("state_call", &json!(["StationApi_try_state", "0x"]))).ok()?;
    match answer["result"].as_str() {
        Some("0x00") => None,
        Some(error) => {
            let digits = error.trim_start_matches("0x").as_bytes().chunks_exact(2);
            let bytes = digits.filter_map(|d| u8::from_str_radix(std::str::from_utf8(d).ok()?, 16).ok());
            // After the variant comes a length; what follows is text.
            Some(String::from_utf8_lossy(&bytes.skip(2).collect::<Vec<_>>()).into_owned())
        }
        None => Some(answer["error"].to_string()),
    }
}

fn request(method: &str, params: &Value) -> String {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string()
}

/// Send any body, return the JSON that comes back.
///
/// # Errors
/// Those of the connection, and `InvalidData` for an answer that is no JSON.
pub fn raw(url: &str, body: &str) -> io::Result<Value> {
    let address = url.trim_start_matches("ws://").trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len(),
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let invalid = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
    let (head, payload) = answer.split_once("\r\n\r\n").ok_or_else(|| invalid(format!("no HTTP answer: {answer}")))?;
    // A long answer comes in chunks: keep what starts at the JSON and ends with it.
    let payload = if head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        unchunk(payload).ok_or_else(|| invalid("broken chunks".into()))?
    } else {
        payload.to_owned()
    };
    serde_json::from_str(&payload).map_err(|e| invalid(format!("{e} in: {payload}")))
}

fn unchunk(mut rest: &str) -> Option<String> {
    let mut whole = String::new();
    loop {
        let (size, tail) = rest.split_once("\r\n")?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        if size == 0 {
            return Some(whole);
        }
        whole.push_str(tail.get(..size)?);
        rest = tail.get(size..)?.strip_prefix("\r\n")?;
    }
}

#[cfg(test)]
mod tests {
    use super::unchunk;

    #[test]
    fn chunks_are_joined() {
        assert_eq!(unchunk("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").as_deref(), Some("abcde"));
        assert_eq!(unchunk("5\r\nabc"), None);
    }
}
