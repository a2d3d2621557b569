//! `onnxd probe`: one HTTP request, success or not as the exit code. The image has no shell and no curl, so the program
//! is its own health check. Speaks just enough HTTP/1.1 for that.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use clap::Args;

use crate::config;

use super::{Failure, say};

/// A server that takes longer than this to say whether it is ready is not.
const PATIENCE: Duration = Duration::from_secs(3);
const DEFAULT_PATH: &str = "/health/ready";
/// Enough for the head and the body of a health answer.
const LONGEST_ANSWER: u64 = 64 * 1024;

#[derive(Args)]
pub(super) struct Probe {
    /// What to ask, as http://ADDRESS:PORT/PATH [default: /health/ready on the port that this environment sets]
    url: Option<String>,
}

impl Probe {
    pub(super) fn run(self) -> Result<(), Failure> {
        let (address, path) = match &self.url {
            Some(url) => parse(url).ok_or_else(|| format!("{url:?}: expected http://ADDRESS:PORT/PATH"))?,
            None => (SocketAddr::from((Ipv4Addr::LOCALHOST, config::local_port()?)), DEFAULT_PATH.into()),
        };
        let answer = ask(address, &path).map_err(|error| format!("http://{address}{path}: {error}"))?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).unwrap_or("nothing");
        say(format_args!("{status} {}", body.trim_end()))?;
        if status == "200" { Ok(()) } else { Err(Failure(format!("http://{address}{path} answered {status}"))) }
    }
}

fn ask(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nuser-agent: onnxd-probe\r\nconnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(LONGEST_ANSWER).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Addresses only, and `localhost`: a probe looks at its own container, and a static binary has no resolver.
fn parse(url: &str) -> Option<(SocketAddr, String)> {
    let rest = url.strip_prefix("http://")?;
    let (host, path) = rest.find('/').map_or((rest, DEFAULT_PATH), |at| rest.split_at(at));
    let address = match host.rsplit_once(':') {
        Some(("localhost", port)) => SocketAddr::new(IpAddr::from(Ipv4Addr::LOCALHOST), port.parse().ok()?),
        _ if host == "localhost" => SocketAddr::from((Ipv4Addr::LOCALHOST, 80)),
        _ => host.parse().ok().or_else(|| Some(SocketAddr::new(host.parse().ok()?, 80)))?,
    };
    let clean = path.bytes().all(|byte| byte.is_ascii_graphic());
    clean.then(|| (address, path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_addresses_and_paths() {
        let parsed = |url| parse(url).map(|(address, path)| format!("{address} {path}"));
        assert_eq!(parsed("http://localhost:8080").unwrap(), "127.0.0.1:8080 /health/ready");
        assert_eq!(parsed("http://127.0.0.1:9/livez").unwrap(), "127.0.0.1:9 /livez");
        assert_eq!(parsed("http://[::1]:9/").unwrap(), "[::1]:9 /");
        assert_eq!(parsed("http://10.0.0.1/x").unwrap(), "10.0.0.1:80 /x");
        for bad in ["localhost:8080", "https://127.0.0.1/", "http://example.org/", "http://127.0.0.1:1/a b"] {
            assert_eq!(parsed(bad), None, "{bad}");
        }
    }
}
